//! AI providers: a language model, or anything that answers in its place.

use crate::entry::{self, configured};
use crate::number::Fields;
use crate::wire::ai_provider::exports::bulkhead::plugin::ai_provider as wire;
use crate::{Instrument, Timestamp};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use std::cell::RefCell;

pub use wire::{
    Chunk, Completion, CompletionRequest, Error, FinishReason, Message, Part, Role, Tool, ToolCall,
    ToolResult, Usage,
};

/// An answer in the making: its chunks, [`Chunk::Finished`] last.
pub type Answer = Box<dyn Iterator<Item = Result<Chunk, Error>>>;

/// A provider. Export it with `export!(ai_provider: MyType)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is exported as an AI provider, but does not implement `bulkhead_sdk::ai_provider::AiProvider`"
)]
pub trait AiProvider: Sized + 'static {
    /// The configuration; its JSON Schema goes into `plugin.toml`.
    type Config: DeserializeOwned + JsonSchema;

    /// Takes the configuration; instruments are usually none here.
    ///
    /// # Errors
    /// One line that names the key and says what is wrong with it.
    fn new(config: Self::Config, instruments: &[Instrument]) -> Result<Self, String>;

    /// The models on offer.
    ///
    /// # Errors
    /// See [`Error`].
    fn models(&mut self) -> Result<Vec<ModelInfo>, Error>;

    /// The whole answer.
    ///
    /// # Errors
    /// See [`Error`].
    fn complete(&mut self, request: &CompletionRequest) -> Result<Completion, Error>;

    /// The answer in chunks; the parts of [`AiProvider::complete`] unless implemented.
    ///
    /// # Errors
    /// See [`Error`].
    fn stream(&mut self, request: &CompletionRequest) -> Result<Answer, Error> {
        self.complete(request)
            .map(|completion| in_parts(completion, usize::MAX))
    }
}

/// A finished answer as a stream: texts in pieces of at most `characters`, then the completion.
#[must_use]
pub fn in_parts(completion: Completion, characters: usize) -> Answer {
    let mut chunks = Vec::new();
    for part in &completion.parts {
        match part {
            Part::Text(text) => {
                let letters: Vec<char> = text.chars().collect();
                for piece in letters.chunks(characters.max(1)) {
                    chunks.push(Ok(Chunk::Text(piece.iter().collect())));
                }
            }
            Part::ToolCall(call) => chunks.push(Ok(Chunk::ToolCall(call.clone()))),
            Part::ToolResult(_) => {}
        }
    }
    chunks.push(Ok(Chunk::Finished(completion)));
    Box::new(chunks.into_iter())
}

/// What a model is and costs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ModelInfo {
    /// What `completion-request.model` names.
    pub name: String,
    /// One line.
    pub description: String,
    /// False for rules, look-ups and other things that only answer in a language model's place.
    pub language_model: bool,
    /// Nothing after this moment can be in the model's weights; `None` when it learnt from no data.
    pub knowledge_cutoff: Option<Timestamp>,
    /// Tokens that fit.
    pub context_tokens: u64,
    /// Tokens it will answer with at most.
    pub max_output_tokens: u64,
    /// US dollars per million tokens in.
    pub input_price: Decimal,
    /// US dollars per million tokens out.
    pub output_price: Decimal,
    /// Whether it calls tools.
    pub tools: bool,
    /// Whether it holds its answer to a JSON Schema.
    pub json_schema: bool,
    /// Whether it streams as it thinks.
    pub streaming: bool,
    /// Whatever else is known of it.
    pub extra: Fields,
}

impl From<ModelInfo> for wire::ModelInfo {
    fn from(info: ModelInfo) -> Self {
        wire::ModelInfo {
            name: info.name,
            description: info.description,
            language_model: info.language_model,
            knowledge_cutoff: info.knowledge_cutoff,
            context_tokens: info.context_tokens,
            max_output_tokens: info.max_output_tokens,
            input_price: info.input_price.into(),
            output_price: info.output_price.into(),
            tools: info.tools,
            json_schema: info.json_schema,
            streaming: info.streaming,
            extra: info.extra,
        }
    }
}

configured!(AiProvider);

/// An answer in the host's hands.
#[doc(hidden)]
pub struct Resource(RefCell<Answer>);

impl<T: AiProvider> wire::Guest for Adapter<T> {
    type Answer = Resource;

    fn models() -> Result<Vec<wire::ModelInfo>, Error> {
        let models = entry::with::<T, _>(|provider| provider.models())?;
        Ok(models.into_iter().map(Into::into).collect())
    }

    fn complete(request: CompletionRequest) -> Result<Completion, Error> {
        entry::with::<T, _>(|provider| provider.complete(&request))
    }

    fn stream(request: CompletionRequest) -> Result<wire::Answer, Error> {
        entry::with::<T, _>(|provider| provider.stream(&request))
            .map(|answer| wire::Answer::new(Resource(RefCell::new(answer))))
    }
}

impl wire::GuestAnswer for Resource {
    fn next(&self) -> Result<Option<Chunk>, Error> {
        self.0.borrow_mut().next().transpose()
    }
}
