//! Child processes with errors that say what was run and what it said.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// Why a child process gave no result.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The program could not be started at all.
    #[error("cannot run `{program}`: {source}")]
    Start {
        /// The program's name or path.
        program: String,
        /// What the system answered.
        source: std::io::Error,
    },
    /// The program ended with an error.
    #[error("`{program}` failed ({status}){}", said(.output))]
    Failed {
        /// The program's name or path, with its first argument.
        program: String,
        /// Its exit status.
        status: std::process::ExitStatus,
        /// The last lines it wrote to its standard error.
        output: String,
    },
}

/// Longest part of a failed program's output that an error carries, in lines.
const OUTPUT_LINES: usize = 12;

fn said(output: &str) -> String {
    if output.is_empty() {
        String::new()
    } else {
        format!(": {output}")
    }
}

fn label(command: &Command) -> String {
    let mut label = command.get_program().to_string_lossy().into_owned();
    if let Some(argument) = command.get_args().next() {
        label.push(' ');
        label.push_str(&argument.to_string_lossy());
    }
    label
}

/// Runs `command` to its end and returns its standard output. Its standard error is kept for the error.
pub fn output(command: &mut Command) -> Result<String, ProcessError> {
    output_with_input(command, b"")
}

/// As [`output`], with `input` on the child's standard input.
pub fn output_with_input(command: &mut Command, input: &[u8]) -> Result<String, ProcessError> {
    let program = label(command);
    let start = |source| ProcessError::Start {
        program: program.clone(),
        source,
    };
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(start)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A child that does not read its input closes the pipe; its exit status says whether that matters.
        let _ = stdin.write_all(input);
    }
    let done = child.wait_with_output().map_err(start)?;
    if done.status.success() {
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    } else {
        Err(ProcessError::Failed {
            program,
            status: done.status,
            output: last_lines(&String::from_utf8_lossy(&done.stderr)),
        })
    }
}

/// Whether `program` can be found on the search path.
pub fn exists(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| {
            let candidate = folder.join(program);
            candidate.is_file() || candidate.with_extension("exe").is_file()
        })
    })
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(OUTPUT_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_program_is_named_with_what_it_said() {
        let error =
            output(Command::new("sh").args(["-c", "echo no luck >&2; exit 3"])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`sh -c` failed (exit status: 3): no luck"
        );
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = output(&mut Command::new("bulkhead-no-such-program")).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("cannot run `bulkhead-no-such-program`:"),
            "{error}"
        );
        assert!(!exists("bulkhead-no-such-program"));
        assert!(exists("sh"));
    }

    #[test]
    fn input_reaches_the_child() {
        assert_eq!(
            output_with_input(&mut Command::new("cat"), b"bars").unwrap(),
            "bars"
        );
    }
}
