//! Comments on a proposed trade by fixed rules, offline and deterministically. It is no language model, and
//! says so in its description and in every answer.
//!
//! The last user message holds a JSON object (words around it are passed over):
//!
//! ```json
//! {"instrument": "AAPL", "side": "buy", "quantity": "100", "confidence": 0.58,
//!  "features": {"rsi_14": 83.2, "return_5": 0.11}, "reason": "EMA cross"}
//! ```
//!
//! and the answer is one too:
//!
//! ```json
//! {"verdict": "disagree", "confidence": 0.7, "reasons": ["rsi_14 is 83.2, above 80: ..."]}
//! ```
//!
//! Each rule reads features by name, adds points for or against, and quotes the numbers it saw. Points of -2
//! or less disagree, of -1 abstain, otherwise agree; with neither a known feature nor a probability the answer
//! is to abstain. A trade marked `"reduces": true` is always agreed with.

mod proposal;
mod rules;

use crate::proposal::Proposal;
use bulkhead_sdk::Instrument;
use bulkhead_sdk::ai_provider::{
    AiProvider, Answer, Completion, CompletionRequest, Error, FinishReason, ModelInfo, Part, Role,
    Usage, in_parts,
};
use bulkhead_sdk::config::NoConfig;

/// Name of the one model.
const MODEL: &str = "rulebook";

/// Characters in a streamed chunk.
const CHUNK: usize = 64;

/// Fields of every answer.
const ANSWERS: [&str; 3] = ["verdict", "confidence", "reasons"];

/// The provider.
pub struct Rulebook;

/// The last user message's text.
fn question(request: &CompletionRequest) -> Result<String, Error> {
    let message = request
        .messages
        .iter()
        .rev()
        .find(|message| message.role == Role::User)
        .ok_or_else(|| Error::InvalidInput("no user message".to_owned()))?;
    Ok(message
        .parts
        .iter()
        .filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::ToolCall(_) | Part::ToolResult(_) => None,
        })
        .collect::<Vec<_>>()
        .join("\n"))
}

/// Refuses schemas that ask for what the answer does not have.
fn check_schema(schema: &str) -> Result<(), Error> {
    let schema: serde_json::Value = serde_json::from_str(schema)
        .map_err(|error| Error::InvalidInput(format!("output schema: {error}")))?;
    let required = schema.get("required").and_then(|names| names.as_array());
    let unknown = required
        .into_iter()
        .flatten()
        .find(|name| name.as_str().is_none_or(|name| !ANSWERS.contains(&name)));
    match unknown {
        Some(name) => Err(Error::Unsupported(format!(
            "the answer has {}, not {name}",
            ANSWERS.join(", ")
        ))),
        None => Ok(()),
    }
}

impl AiProvider for Rulebook {
    type Config = NoConfig;

    fn new(_config: NoConfig, _instruments: &[Instrument]) -> Result<Self, String> {
        Ok(Rulebook)
    }

    fn models(&mut self) -> Result<Vec<ModelInfo>, Error> {
        Ok(vec![ModelInfo {
            name: MODEL.to_owned(),
            description: "Fixed rules over the features it is shown; not a language model."
                .to_owned(),
            language_model: false,
            context_tokens: 100_000,
            max_output_tokens: 2_000,
            streaming: true,
            ..ModelInfo::default()
        }])
    }

    fn complete(&mut self, request: &CompletionRequest) -> Result<Completion, Error> {
        if request.model != MODEL {
            return Err(Error::InvalidInput(format!(
                "no model `{}`; there is `{MODEL}`",
                request.model
            )));
        }
        if let Some(schema) = &request.output_schema {
            check_schema(schema)?;
        }
        let proposal = Proposal::find(&question(request)?).map_err(Error::InvalidInput)?;
        let text = serde_json::to_string(&rules::judge(&proposal))
            .map_err(|error| Error::Other(("answer".to_owned(), error.to_string())))?;
        Ok(Completion {
            parts: vec![Part::Text(text)],
            finish: FinishReason::Complete,
            usage: Usage {
                input_tokens: 0,
                cached_input_tokens: 0,
                output_tokens: 0,
            },
            model: MODEL.to_owned(),
            extra: vec![],
        })
    }

    fn stream(&mut self, request: &CompletionRequest) -> Result<Answer, Error> {
        self.complete(request)
            .map(|completion| in_parts(completion, CHUNK))
    }
}

bulkhead_sdk::export!(ai_provider: Rulebook);

#[cfg(test)]
mod tests;
