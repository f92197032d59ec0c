//! Has no opinion of any trade, and is compared with a version of itself: sound, or with a fault of one's choice
//! that shows now and then, always, in time, or in what it answers.

use bulkhead_sdk::Instrument;
use bulkhead_sdk::ai_provider::{
    AiProvider, Answer, Completion, CompletionRequest, Error, FinishReason, ModelInfo, Part, Usage,
    in_parts,
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::hint::black_box;

/// What is wrong with it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Panics at every hundredth question.
    EveryHundredth,
    /// Panics at every question.
    Always,
    /// Never answers.
    Hangs,
    /// Is sure of everything.
    Worse,
}

/// What can be set.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Config {
    /// What is wrong with it.
    fault: Fault,
}

struct Rival {
    fault: Fault,
    asked: u64,
}

impl AiProvider for Rival {
    type Config = Config;

    fn new(config: Config, _: &[Instrument]) -> Result<Self, String> {
        Ok(Rival {
            fault: config.fault,
            asked: 0,
        })
    }

    fn models(&mut self) -> Result<Vec<ModelInfo>, Error> {
        Ok(vec![ModelInfo {
            name: "rival".to_owned(),
            description: "No language model.".to_owned(),
            language_model: false,
            context_tokens: 100_000,
            max_output_tokens: 2_000,
            ..ModelInfo::default()
        }])
    }

    fn complete(&mut self, _: &CompletionRequest) -> Result<Completion, Error> {
        self.asked += 1;
        match self.fault {
            Fault::EveryHundredth if self.asked.is_multiple_of(100) => {
                panic!("one question too many")
            }
            Fault::Always => panic!("not one answer"),
            Fault::Hangs => while black_box(true) {},
            _ => {}
        }
        let verdict = match self.fault {
            Fault::Worse => r#"{"verdict": "agree", "confidence": 1, "reasons": ["it is sure"]}"#,
            _ => r#"{"verdict": "abstain", "reasons": ["it knows nothing"]}"#,
        };
        Ok(Completion {
            parts: vec![Part::Text(verdict.to_owned())],
            finish: FinishReason::Complete,
            usage: Usage {
                input_tokens: 0,
                cached_input_tokens: 0,
                output_tokens: 0,
            },
            model: "rival".to_owned(),
            extra: vec![],
        })
    }

    fn stream(&mut self, request: &CompletionRequest) -> Result<Answer, Error> {
        self.complete(request)
            .map(|completion| in_parts(completion, 64))
    }
}

bulkhead_sdk::export!(ai_provider: Rival);
