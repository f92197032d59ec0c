//! The algorithms themselves, free of the plugin interface.
//!
//! Every learner takes a [`bulkhead_tabular::Sample`] of finite numbers and gives a model that predicts from a row. The same
//! sample, settings and seed give the same model on every machine that runs the same component: nothing
//! here reads a clock, spawns a thread or walks a hash map. A model owns plain numbers only, so that what
//! was saved and loaded again predicts the same bits.

pub(crate) mod bayes;
pub(crate) mod bins;
pub(crate) mod elastic;
pub(crate) mod forest;
pub(crate) mod logistic;
pub(crate) mod platt;
pub(crate) mod scale;
pub(crate) mod svm;
pub(crate) mod tree;

#[cfg(test)]
mod against_scikit_learn;
