//! What is asked of an AI provider and what it answers.

use crate::{Decimal, Timestamp, Value};
use serde::{Deserialize, Serialize};

/// A model on offer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: String,
    /// False for rules and other things that only answer in a language model's place.
    pub language_model: bool,
    /// Nothing after this moment can be in its weights; `None` when it learnt from no data.
    pub knowledge_cutoff: Option<Timestamp>,
    /// Context window in tokens.
    pub context_tokens: u64,
    /// Longest answer in tokens.
    pub max_output_tokens: u64,
    /// US dollars per million tokens in.
    pub input_price: Decimal,
    /// US dollars per million tokens out.
    pub output_price: Decimal,
    /// Whether tools can be offered.
    pub tools: bool,
    /// Whether the answer can be held to a JSON schema.
    pub json_schema: bool,
    /// Whether the answer comes in pieces.
    pub streaming: bool,
    /// Whatever else it declares.
    pub extra: Vec<(String, Value)>,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the field's own terms")]
pub enum Role {
    System,
    User,
    Assistant,
    Tool,
}

/// A tool the model wants used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Ties the result to the call.
    pub id: String,
    /// Which tool.
    pub name: String,
    /// A JSON object.
    pub arguments: String,
}

/// A piece of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Text.
    Text(String),
    /// A tool the model wants used.
    ToolCall(ToolCall),
    /// What a tool gave back.
    ToolResult {
        /// Of which call.
        id: String,
        /// What it gave.
        content: String,
        /// Whether it failed.
        is_error: bool,
    },
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub parts: Vec<Part>,
}

/// A tool on offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// JSON Schema of its arguments.
    pub parameters: String,
}

/// A request for an answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CompletionRequest {
    /// Which model.
    pub model: String,
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// Tools on offer.
    pub tools: Vec<Tool>,
    /// JSON Schema that the answer's text must satisfy.
    pub output_schema: Option<String>,
    /// Longest answer in tokens.
    pub max_tokens: Option<u64>,
    /// Sampling temperature.
    pub temperature: Option<f64>,
    /// Sampling seed.
    pub seed: Option<u64>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    /// Whatever else is asked.
    pub extra: Vec<(String, Value)>,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the field's own terms")]
pub enum FinishReason {
    Complete,
    Length,
    ToolUse,
    ContentFilter,
    Other,
}

/// Tokens used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens read.
    pub input_tokens: u64,
    /// Of those, tokens read from a cache.
    pub cached_input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Completion {
    /// What is said.
    pub parts: Vec<Part>,
    /// Why it ended.
    pub finish: FinishReason,
    /// What it took.
    pub usage: Usage,
    /// Who answered, as the provider names it.
    pub model: String,
    /// Whatever else it says.
    pub extra: Vec<(String, Value)>,
}

impl Completion {
    /// All text of the answer, in order.
    #[must_use]
    pub fn text(&self) -> String {
        self.parts
            .iter()
            .filter_map(|part| match part {
                Part::Text(text) => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }
}

/// A piece of an answer in the making.
#[derive(Debug, Clone, PartialEq)]
pub enum Chunk {
    /// Text.
    Text(String),
    /// A whole tool call.
    ToolCall(ToolCall),
    /// The end, with everything in it.
    Finished(Completion),
}
