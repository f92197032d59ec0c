//! What is asked of AI providers and what they answer.

use super::{Accept, Invalid, fields, same_cases};
use crate::bindings::ai_provider::exports::bulkhead::plugin::ai_provider as wit;
use bulkhead_domain::Timestamp;
use bulkhead_domain::completion::{
    Chunk, Completion, CompletionRequest, FinishReason, Message, ModelInfo, Part, Role, Tool,
    ToolCall, Usage,
};

same_cases!(Role, wit::Role, [System, User, Assistant, Tool]);
same_cases!(
    FinishReason,
    wit::FinishReason,
    [Complete, Length, ToolUse, ContentFilter, Other]
);

impl Accept<ModelInfo> for wit::ModelInfo {
    fn accept(self) -> Result<ModelInfo, Invalid> {
        Ok(ModelInfo {
            name: self.name,
            description: self.description,
            language_model: self.language_model,
            knowledge_cutoff: self.knowledge_cutoff.map(Timestamp),
            context_tokens: self.context_tokens,
            max_output_tokens: self.max_output_tokens,
            input_price: self.input_price.accept()?,
            output_price: self.output_price.accept()?,
            tools: self.tools,
            json_schema: self.json_schema,
            streaming: self.streaming,
            extra: self.extra.accept()?,
        })
    }
}

impl From<wit::ToolCall> for ToolCall {
    fn from(call: wit::ToolCall) -> Self {
        ToolCall {
            id: call.id,
            name: call.name,
            arguments: call.arguments,
        }
    }
}

impl From<wit::Part> for Part {
    fn from(part: wit::Part) -> Self {
        match part {
            wit::Part::Text(text) => Part::Text(text),
            wit::Part::ToolCall(call) => Part::ToolCall(call.into()),
            wit::Part::ToolResult(result) => Part::ToolResult {
                id: result.id,
                content: result.content,
                is_error: result.is_error,
            },
        }
    }
}

impl From<Part> for wit::Part {
    fn from(part: Part) -> Self {
        match part {
            Part::Text(text) => wit::Part::Text(text),
            Part::ToolCall(call) => wit::Part::ToolCall(wit::ToolCall {
                id: call.id,
                name: call.name,
                arguments: call.arguments,
            }),
            Part::ToolResult {
                id,
                content,
                is_error,
            } => wit::Part::ToolResult(wit::ToolResult {
                id,
                content,
                is_error,
            }),
        }
    }
}

impl From<Message> for wit::Message {
    fn from(message: Message) -> Self {
        wit::Message {
            role: message.role.into(),
            parts: message.parts.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Tool> for wit::Tool {
    fn from(tool: Tool) -> Self {
        wit::Tool {
            name: tool.name,
            description: tool.description,
            parameters: tool.parameters,
        }
    }
}

impl From<CompletionRequest> for wit::CompletionRequest {
    fn from(request: CompletionRequest) -> Self {
        wit::CompletionRequest {
            model: request.model,
            messages: request.messages.into_iter().map(Into::into).collect(),
            tools: request.tools.into_iter().map(Into::into).collect(),
            output_schema: request.output_schema,
            max_tokens: request.max_tokens,
            temperature: request.temperature,
            seed: request.seed,
            stop: request.stop,
            extra: fields(request.extra),
        }
    }
}

impl Accept<Completion> for wit::Completion {
    fn accept(self) -> Result<Completion, Invalid> {
        Ok(Completion {
            parts: self.parts.into_iter().map(Into::into).collect(),
            finish: self.finish.into(),
            usage: Usage {
                input_tokens: self.usage.input_tokens,
                cached_input_tokens: self.usage.cached_input_tokens,
                output_tokens: self.usage.output_tokens,
            },
            model: self.model,
            extra: self.extra.accept()?,
        })
    }
}

impl Accept<Chunk> for wit::Chunk {
    fn accept(self) -> Result<Chunk, Invalid> {
        Ok(match self {
            wit::Chunk::Text(text) => Chunk::Text(text),
            wit::Chunk::ToolCall(call) => Chunk::ToolCall(call.into()),
            wit::Chunk::Finished(completion) => Chunk::Finished(completion.accept()?),
        })
    }
}
