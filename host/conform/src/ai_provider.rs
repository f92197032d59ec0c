//! AI providers: asked about a proposed trade, the way a session asks.

use crate::bench::{Bench, block_on};
use crate::check::{Finding, Suite, compare, counted, cut};
use crate::load::{EPHEMERAL, text};
use crate::rules::{AI_OFFERS, AI_REPEATS, AI_STREAMS};
use bulkhead_domain::Decimal;
use bulkhead_domain::completion::{
    Chunk, Completion, CompletionRequest, Message, ModelInfo, Part, Role,
};
use bulkhead_sandbox::AiProviderPlugin;
use serde_json::json;
use std::collections::BTreeSet;

/// Most models asked.
const MODELS: usize = 3;

/// Most chunks of one answer.
const CHUNKS: usize = 100_000;

pub(crate) fn check(bench: &Bench<'_>, suite: &mut Suite<'_>) {
    let provider = bench.plugin().and_then(|plugin| {
        let setup = bench.setup(plugin.manifest(), &[]);
        AiProviderPlugin::new(plugin, setup, EPHEMERAL).map_err(text)
    });
    let offers = provider.and_then(|provider| {
        let models = block_on(provider.models())?.map_err(text)?;
        let finding = offered(&models)?;
        Ok((provider, models, finding))
    });
    let (provider, models) = match offers {
        Ok((provider, models, finding)) => {
            suite.note(AI_OFFERS, "", Ok(finding));
            (provider, models)
        }
        Err(reason) => {
            suite.note(AI_OFFERS, "", Err(reason));
            suite.skip_all(&[AI_REPEATS, AI_STREAMS], "", AI_OFFERS);
            return;
        }
    };
    for model in models.iter().take(MODELS) {
        if model.language_model {
            let why = "a language model may answer differently each time";
            suite.skip(AI_REPEATS, &model.name, why);
            suite.skip(AI_STREAMS, &model.name, why);
            continue;
        }
        let first = block_on(provider.complete(request(model))).and_then(|one| one.map_err(text));
        let repeats = first
            .clone()
            .and_then(|first| repeats(&provider, model, &first));
        suite.note(AI_REPEATS, &model.name, repeats);
        match (first, model.streaming) {
            (_, false) => suite.skip(AI_STREAMS, &model.name, "it does not stream"),
            (Err(_), true) => suite.skip_all(&[AI_STREAMS], &model.name, AI_REPEATS),
            (Ok(first), true) => {
                let finding = block_on(streams(&provider, model, &first)).and_then(|one| one);
                suite.note(AI_STREAMS, &model.name, finding);
            }
        }
    }
}

fn offered(models: &[ModelInfo]) -> Finding {
    if models.is_empty() {
        return Err("it offers no model".to_owned());
    }
    let mut names = BTreeSet::new();
    for model in models {
        if !names.insert(model.name.as_str()) {
            return Err(format!("two models are called {}", model.name));
        }
        if model.context_tokens == 0 || model.max_output_tokens == 0 {
            return Err(format!("{} has room for no token", model.name));
        }
        if model.input_price < Decimal::ZERO || model.output_price < Decimal::ZERO {
            return Err(format!("{} has a price below zero", model.name));
        }
    }
    Ok(names.into_iter().collect::<Vec<_>>().join(", "))
}

/// A proposed trade with its features, all of it data.
fn request(model: &ModelInfo) -> CompletionRequest {
    let message = |role, text: String| Message {
        role,
        parts: vec![Part::Text(text)],
    };
    let proposal = json!({
        "time": "2020-06-01T20:00:00Z",
        "instrument": "WALK",
        "side": "buy",
        "quantity": "100",
        "price": 101.25,
        "confidence": 0.61,
        "reason": "EMA cross",
        "features": { "rsi_14": 83.2, "return_5": 0.11, "volatility_20": 0.021 },
    });
    CompletionRequest {
        model: model.name.clone(),
        messages: vec![
            message(
                Role::System,
                "You judge proposed trades. Answer with one JSON object: verdict (agree, disagree or \
                 abstain), confidence (0 to 1) and reasons (a list of short sentences)."
                    .to_owned(),
            ),
            message(Role::User, proposal.to_string()),
        ],
        temperature: Some(0.0),
        seed: Some(0),
        ..CompletionRequest::default()
    }
}

fn repeats(provider: &AiProviderPlugin, model: &ModelInfo, first: &Completion) -> Finding {
    let second = block_on(provider.complete(request(model)))?.map_err(text)?;
    compare(&[format!("{first:?}")], &[format!("{second:?}")])?;
    Ok(format!("it said {}", cut(&first.text())))
}

async fn streams(provider: &AiProviderPlugin, model: &ModelInfo, whole: &Completion) -> Finding {
    let mut answer = provider.stream(request(model)).await.map_err(text)?;
    let (mut said, mut chunks) = (String::new(), 0);
    let finished = loop {
        match answer.next().await.map_err(text)? {
            Some(Chunk::Finished(completion)) => break completion,
            Some(Chunk::Text(piece)) => said.push_str(&piece),
            Some(Chunk::ToolCall(_)) => {}
            None => return Err("the stream ended without the whole answer".to_owned()),
        }
        chunks += 1;
        if chunks >= CHUNKS {
            return Err(format!("{CHUNKS} chunks and no end"));
        }
    };
    if answer.next().await.map_err(text)?.is_some() {
        return Err("something came after the whole answer".to_owned());
    }
    if said != finished.text() {
        return Err(format!(
            "the pieces say {}, the whole answer {}",
            cut(&said),
            cut(&finished.text())
        ));
    }
    if finished.text() != whole.text() {
        return Err(format!(
            "the stream says {}, without streaming it said {}",
            cut(&said),
            cut(&whole.text())
        ));
    }
    Ok(counted(chunks, "chunk"))
}
