//! What is measured, and what it should come to.

use serde::Serialize;

/// A figure as it is planned: its name, its unit and what it should come to.
#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    /// `None` where the figure is for information.
    target: Option<Target>,
}

/// The worst value that is still good.
#[derive(Debug, Clone, Copy)]
enum Target {
    AtMost(f64),
    AtLeast(f64),
}

/// A figure as it came out.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    #[serde(skip)]
    spec: &'static Spec,
    name: &'static str,
    value: f64,
    unit: &'static str,
}

impl Spec {
    pub(crate) const fn at_most(name: &'static str, unit: &'static str, target: f64) -> Self {
        let target = Some(Target::AtMost(target));
        Spec { name, unit, target }
    }

    pub(crate) const fn at_least(name: &'static str, unit: &'static str, target: f64) -> Self {
        let target = Some(Target::AtLeast(target));
        Spec { name, unit, target }
    }

    pub(crate) const fn informative(name: &'static str, unit: &'static str) -> Self {
        let target = None;
        Spec { name, unit, target }
    }

    /// The figure with its value.
    pub(crate) fn is(&'static self, value: f64) -> Figure {
        Figure {
            spec: self,
            name: self.name,
            value,
            unit: self.unit,
        }
    }
}

impl Figure {
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// `name value unit`, three digits behind the point.
    pub(crate) fn line(&self) -> String {
        format!("{} {:.3} {}", self.name, self.value, self.unit)
    }

    /// What to say when the target is missed. A value that is no number misses it.
    pub(crate) fn missed(&self) -> Option<String> {
        let (met, sign, target) = match self.spec.target? {
            Target::AtMost(target) => (self.value <= target, '>', target),
            Target::AtLeast(target) => (self.value >= target, '<', target),
        };
        (!met).then(|| format!("MISSED {} {:.3} {sign} {target}", self.name, self.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static CAPPED: Spec = Spec::at_most("a.ratio", "ratio", 1.5);
    static FLOORED: Spec = Spec::at_least("a.per_s", "1/s", 5000.0);
    static FREE: Spec = Spec::informative("a.ns", "ns");

    #[test]
    fn a_target_is_missed_above_it_only() {
        assert_eq!(CAPPED.is(1.5).missed(), None);
        assert_eq!(
            CAPPED.is(1.75).missed().as_deref(),
            Some("MISSED a.ratio 1.750 > 1.5")
        );
        assert!(CAPPED.is(f64::NAN).missed().is_some());
        assert_eq!(FREE.is(1e9).missed(), None);
    }

    #[test]
    fn a_floor_is_missed_below_it_only() {
        assert_eq!(FLOORED.is(5000.0).missed(), None);
        assert_eq!(
            FLOORED.is(4999.5).missed().as_deref(),
            Some("MISSED a.per_s 4999.500 < 5000")
        );
        assert!(FLOORED.is(f64::NAN).missed().is_some());
    }

    #[test]
    fn the_file_holds_name_value_and_unit() {
        let json = serde_json::to_string(&[CAPPED.is(1.25)]).unwrap();
        assert_eq!(json, r#"[{"name":"a.ratio","value":1.25,"unit":"ratio"}]"#);
    }
}
