//! `config`: where the settings are, what they are, and why.

use serde_json::{Map, Value, json};

use super::args::ConfigCommand;
use super::context::Context;
use super::exit::{Outcome, Stop};
use super::output::Form;
use crate::config::keys::{self, KEYS, Key};
use crate::config::{DEFAULT_FILE, Loaded, edit};
use crate::peer::api::ErrorCode;

pub(super) fn run(context: &Context, command: &ConfigCommand) -> Outcome {
    let out = context.out;
    match command {
        ConfigCommand::Path => {
            let path = context.config_path().display().to_string();
            if out.form == Form::Json { out.json(&json!({ "path": path })) } else { out.line(&path) }
        }
        ConfigCommand::Default => out.bytes(DEFAULT_FILE.as_bytes()),
        ConfigCommand::Check => check(context),
        ConfigCommand::Get { key: Some(key) } => {
            let key = keys::find(key)?;
            get(context, &context.settings_aloud(Vec::new())?, std::slice::from_ref(key))
        }
        ConfigCommand::Get { key: None } => get(context, &context.settings_aloud(Vec::new())?, &KEYS),
        ConfigCommand::Set { key, value } => {
            let path = context.config_path();
            let value = edit::set(&path, key, value)?;
            out.note(&format!("{key} = {} in {}", value.plain(), path.display()));
            Ok(())
        }
    }
}

/// What makes the file unusable ends with 78 before this. A key that does not exist ends with 78 here, and here
/// alone: whoever checks wants to know, while a peer warns and runs, as an older one must with a newer one's file.
/// So does a key of the screen that is taken twice or is none.
fn check(context: &Context) -> Outcome {
    let loaded = context.settings(Vec::new())?;
    let path = context.config_path();
    let exists = path.exists();
    let (_, complaints) = super::screen::keymap(context, &loaded.config);
    if context.out.form == Form::Json {
        let warnings = loaded.warnings.iter().map(
            |warning| json!({"line": warning.line, "key": warning.key, "did_you_mean": warning.suggestion}),
        );
        let warnings = warnings.collect::<Vec<_>>();
        context
            .out
            .json(&json!({"path": path.display().to_string(), "exists": exists, "warnings": warnings, "keys": complaints}))?;
        return checked(&loaded, &complaints);
    }
    for warning in &loaded.warnings {
        context.out.line(&warning.to_string())?;
    }
    for complaint in &complaints {
        context.out.line(complaint)?;
    }
    context.out.note(&match (exists, loaded.warnings.len() + complaints.len()) {
        (false, _) => format!("{} does not exist: the defaults count", path.display()),
        (true, 0) => format!("{} is fine", path.display()),
        (true, 1) => "1 key is not understood, the rest counts: correct it or take it out".to_owned(),
        (true, count) => {
            format!("{count} keys are not understood, the rest counts: correct them or take them out")
        }
    });
    checked(&loaded, &complaints)
}

fn checked(loaded: &Loaded, complaints: &[String]) -> Outcome {
    if loaded.warnings.is_empty() && complaints.is_empty() {
        Ok(())
    } else {
        Err(Stop::Code(ErrorCode::Config.exit_code()))
    }
}

fn get(context: &Context, loaded: &Loaded, asked: &[Key]) -> Outcome {
    if context.out.form == Form::Json {
        let values: Map<String, Value> = asked
            .iter()
            .map(|key| {
                let value = json(&key.value(&loaded.config));
                (
                    key.path.to_owned(),
                    json!({ "value": value, "source": loaded.source(key.path).to_string() }),
                )
            })
            .collect();
        return context.out.json(&json!({ "keys": values }));
    }
    for key in asked {
        let value = key.value(&loaded.config);
        let source = loaded.source(key.path);
        if context.out.form == Form::Plain {
            context.out.row(&[key.path, &value.plain(), &source.to_string()])?;
        } else {
            // As it would stand in the file.
            context.out.line(&format!("{} = {}  ({source})", key.path, json(&value)))?;
        }
    }
    Ok(())
}

fn json(value: &keys::Value) -> Value {
    match value {
        keys::Value::Text(text) => json!(text),
        keys::Value::Whole(number) => json!(number),
        keys::Value::Number(number) => json!(number),
        keys::Value::Switch(on) => json!(on),
        keys::Value::List(items) => json!(items),
    }
}
