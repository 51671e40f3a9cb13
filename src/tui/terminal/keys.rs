//! What the terminal sends, as the screen knows it.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind};

use crate::tui::key::{Code, Key};
use crate::tui::mouse::Gesture;

/// One thing from the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tui) enum Input {
    /// A press.
    Key(Key),
    /// The mouse did that in this column and row.
    Mouse(Gesture, u16, u16),
    /// Pasted text, which is never keys.
    Paste(String),
    /// New columns and rows.
    Resized(u16, u16),
    /// Nothing that counts here.
    Nothing,
}

/// Waits for the next; blocks.
///
/// # Errors
/// When the terminal is gone.
pub(in crate::tui) fn read_input() -> std::io::Result<Input> {
    Ok(match crossterm::event::read()? {
        Event::Key(event) => key(event).map_or(Input::Nothing, Input::Key),
        Event::Paste(text) => Input::Paste(text),
        Event::Resize(columns, rows) => Input::Resized(columns, rows),
        Event::Mouse(event) => {
            gesture(event.kind).map_or(Input::Nothing, |done| Input::Mouse(done, event.column, event.row))
        }
        Event::FocusGained | Event::FocusLost => Input::Nothing,
    })
}

const fn gesture(kind: MouseEventKind) -> Option<Gesture> {
    match kind {
        MouseEventKind::Down(MouseButton::Left) => Some(Gesture::Click),
        MouseEventKind::ScrollUp => Some(Gesture::WheelUp),
        MouseEventKind::ScrollDown => Some(Gesture::WheelDown),
        _ => None,
    }
}

/// A press, or a key held; `None` for releases, and for what needs Alt or a Windows key.
fn key(event: KeyEvent) -> Option<Key> {
    if event.kind == KeyEventKind::Release
        || event.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::SUPER | KeyModifiers::META)
    {
        return None;
    }
    let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
    let code = match event.code {
        KeyCode::Char(c) if ctrl => Code::Char(c.to_ascii_lowercase()),
        KeyCode::Char(c) => Code::Char(c),
        KeyCode::Enter => Code::Enter,
        KeyCode::Esc => Code::Esc,
        KeyCode::Tab => Code::Tab,
        KeyCode::BackTab => Code::BackTab,
        KeyCode::Backspace => Code::Backspace,
        KeyCode::Delete => Code::Delete,
        KeyCode::Up => Code::Up,
        KeyCode::Down => Code::Down,
        KeyCode::Left => Code::Left,
        KeyCode::Right => Code::Right,
        KeyCode::PageUp => Code::PageUp,
        KeyCode::PageDown => Code::PageDown,
        KeyCode::Home => Code::Home,
        KeyCode::End => Code::End,
        KeyCode::F(number) => Code::F(number),
        _ => return None,
    };
    Some(Key { code, ctrl: ctrl && matches!(code, Code::Char(_)) })
}
