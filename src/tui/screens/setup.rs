//! The first steps and the audio set-up: four steps, each right with Enter.

use super::words::card_missing;
use crate::tui::action::Action;
use crate::tui::canvas::{Canvas, fit, span, tail, wrapped};
use crate::tui::look::Role;
use crate::tui::meters::Source;
use crate::tui::model::{Measured, Model, Setup, Step};
use crate::tui::mouse::Target;
use crate::tui::update::setup::{Choice, PERIODS, choices};
use crate::tui::widgets::meter;

/// Draws the step.
pub(super) fn draw(model: &Model, canvas: &mut Canvas<'_>) {
    let Some(setup) = &model.setup else { return };
    let title = if setup.first { "Welcome to jamtty" } else { "Audio set-up" };
    let mut inside = canvas.boxed(title, "Enter next   Backspace back   Esc later");
    let width = inside.width().saturating_sub(2);
    let steps = Step::ALL.iter().filter(|(step, _)| setup.first || *step != Step::Name);
    let mut x = 1;
    for (index, (step, name)) in steps.enumerate() {
        if index > 0 {
            x += inside.text(x, 0, 3, " > ", Role::Dim);
        }
        let now = *step == setup.step;
        let label = if now { format!("[{name}]") } else { (*name).to_owned() };
        x += inside.text(x, 0, width, &label, if now { Role::Key } else { Role::Dim });
    }
    let height = inside.height().saturating_sub(2);
    let mut body = inside.part(1, 2, width, height);
    match setup.step {
        Step::Device => device(model, &mut body, setup),
        Step::Level => level(model, &mut body, setup),
        Step::Sound => sound(model, &mut body),
        Step::Name => name(&mut body, setup),
    }
}

/// The meter is there before anything is chosen.
fn input_meter(model: &Model, canvas: &mut Canvas<'_>, y: u16) {
    let cells = canvas.width().saturating_sub(20).min(60);
    let reading = model.meters.get(&Source::Input);
    canvas.text(0, y, 8, "input", Role::Text);
    meter::draw(canvas, 8, y, cells, reading);
    let (peak, role) = meter::peak_text(reading);
    canvas.text(9 + cells, y, 10, &format!("{peak} dB"), role);
    canvas.text(8, y + 1, cells, "quiet", Role::Dim);
    let good = 8 + meter::watch_cell(cells).saturating_sub(4);
    canvas.text(good, y + 1, 5, "good", Role::Dim);
    canvas.text(8 + cells.saturating_sub(5), y + 1, 5, "loud!", Role::Dim);
}

fn card_line(model: &Model) -> (String, Role) {
    match model.status.as_ref() {
        None => ("looking for the sound card...".to_owned(), Role::Dim),
        Some(status) => match &status.card {
            Some(card) => (format!("in use: {}", card.description), Role::Fine),
            None => (card_missing(status), Role::Watch),
        },
    }
}

fn device(model: &Model, canvas: &mut Canvas<'_>, setup: &Setup) {
    let width = canvas.width();
    canvas.text(0, 0, width, "Which card? Play: every input shows what it hears.", Role::Text);
    let (text, role) = card_line(model);
    // On a small screen the list is worth more than the scale below the meter.
    let top = if canvas.height() < TIGHT_ROWS { 1 } else { 2 };
    canvas.text(0, top, width, &text, role);
    input_meter(model, canvas, top + 1);
    let about = if top == 1 { 3 } else { 5 };
    canvas.part(0, about, width, 1).clear();
    let choices = choices(model);
    let rows = usize::from(canvas.height().saturating_sub(about + 1));
    let (words, role) = about_chosen(model, choices.get(setup.chosen));
    canvas.text(0, about, width, &words, role);
    let first = super::lobby::first_row(setup.chosen, rows, choices.len());
    for (y, (index, choice)) in (about + 1..).zip(choices.iter().enumerate().skip(first).take(rows)) {
        canvas.target(0, y, width, 1, Target::Line(index));
        let chosen = index == setup.chosen;
        let mark = if chosen { "> " } else { "  " };
        let role = if chosen { Role::Key } else { Role::Text };
        let label = fit(&choice.label, usize::from(width.saturating_sub(34).max(20)));
        let x = canvas.line(0, y, width, &[span(format!("{mark}{label} "), role)]);
        own_meter(model, &mut canvas.part(x, y, width.saturating_sub(x), 1), choice);
    }
}

/// Below it rows are drawn without gaps.
const TIGHT_ROWS: u16 = 11;

/// Cells of the meter beside a card.
const SMALL_METER: u16 = 10;

/// What a card hears that is not chosen yet, or why that is not known; what else is to be said of it.
fn own_meter(model: &Model, canvas: &mut Canvas<'_>, choice: &Choice) {
    let width = canvas.width();
    let name = choice.input.as_deref().unwrap_or_default();
    match model.input(name) {
        Some(input) if !input.why.is_empty() => {
            canvas.text(0, 0, width, &fit(&input.why, usize::from(width)), Role::Watch);
        }
        Some(_) => {
            let reading = model.meters.get(&Source::Card(name.to_owned()));
            let cells = SMALL_METER.min(width);
            meter::draw(canvas, 0, 0, cells, reading);
            let (peak, role) = meter::peak_text(reading);
            let x = cells + 1;
            if width >= x + 8 {
                canvas.text(x, 0, 8, &format!("{peak} dB"), role);
                canvas.text(x + 9, 0, width.saturating_sub(x + 9), choice.note, Role::Dim);
            }
        }
        None => {
            canvas.text(0, 0, width, choice.note, Role::Dim);
        }
    }
}

/// One line in full about the chosen card: a row has no room for it.
fn about_chosen(model: &Model, choice: Option<&Choice>) -> (String, Role) {
    let input = choice.and_then(|choice| model.input(choice.input.as_deref()?));
    match (input, &model.inputs) {
        (Some(input), _) if !input.why.is_empty() => {
            (format!("{}. {}", input.why, input.remedy), Role::Watch)
        }
        (Some(input), _) if input.in_use => ("this one is in use now".to_owned(), Role::Dim),
        (None, Some(inputs)) if inputs.looking => ("the inputs are being opened...".to_owned(), Role::Dim),
        _ => (String::new(), Role::Dim),
    }
}

fn key(model: &Model, action: Action) -> String {
    model.keymap.shown(model.context(), action).unwrap_or_default()
}

fn level(model: &Model, canvas: &mut Canvas<'_>, setup: &Setup) {
    let width = canvas.width();
    canvas.text(0, 0, width, "Play as loud as you will ever play.", Role::Text);
    input_meter(model, canvas, 2);
    let loudest = setup.loudest as f32 / 10.0;
    let (text, role) = if loudest <= -60.0 {
        (
            "Nothing is heard yet. Is the right input plugged in? Enter goes on all the same.".to_owned(),
            Role::Watch,
        )
    } else if model.meters.get(&Source::Input).is_some_and(|meter| meter.clipped) {
        (
            format!("Too loud: it clips. Turn the card's input down. Loudest so far {loudest:.0} dB."),
            Role::Bad,
        )
    } else if loudest > -3.0 {
        (format!("Nearly too loud. Loudest so far {loudest:.0} dB: turn down a little."), Role::Watch)
    } else if loudest < -30.0 {
        (format!("Quiet. Loudest so far {loudest:.0} dB: turn the card's input up."), Role::Watch)
    } else {
        (format!("Level is good. Loudest so far {loudest:.0} dB, no clipping."), Role::Fine)
    };
    for (y, line) in (5..).zip(wrapped(&text, usize::from(width))) {
        canvas.text(0, y, width, &line, role);
    }
}

fn sound(model: &Model, canvas: &mut Canvas<'_>) {
    let width = canvas.width();
    let tone = if model.tone {
        "the test tone sounds NOW; it ends by itself"
    } else {
        "two seconds of a test tone, quietly, in your output only"
    };
    let tone = format!("{}  {tone}", key(model, Action::TestTone));
    canvas.text(0, 0, width, &tone, if model.tone { Role::Watch } else { Role::Text });
    // Rows without gaps where there are few.
    let [meter_y, block_y, delay_y] = if canvas.height() < TIGHT_ROWS { [1, 2, 4] } else { [2, 4, 7] };
    let output = model.meters.get(&Source::Output);
    canvas.text(0, meter_y, 8, "output", Role::Text);
    let cells = width.saturating_sub(20).min(60);
    meter::draw(canvas, 8, meter_y, cells, output);
    let Some(card) = model.status.as_ref().and_then(|status| status.card.as_ref()) else {
        let (text, role) = card_line(model);
        canvas.text(0, block_y, width, &text, role);
        return;
    };
    let mut spans = vec![span("block   ", Role::Text)];
    for period in PERIODS {
        let now = card.period == period;
        spans.push(if now {
            span(format!("[{period}] "), Role::Key)
        } else {
            span(format!(" {period}  "), Role::Dim)
        });
    }
    canvas.line(0, block_y, width, &spans);
    let ms = if card.rate_hz > 0 { f64::from(card.period) * 1_000.0 / f64::from(card.rate_hz) } else { 0.0 };
    let words = format!(
        "{} samples = {ms:.1} ms, {} xruns. Smaller: faster, for better machines.",
        card.period, card.xruns
    );
    canvas.text(8, block_y + 1, width.saturating_sub(8), &words, Role::Dim);
    let both = 2.0 * ms;
    canvas.text(
        0,
        delay_y,
        width,
        &format!(
            "delay   {both:.1} ms in and out by the blocks alone: like {:.0} m from your own amp",
            (both / 2.94).max(1.0)
        ),
        Role::Text,
    );
    let (words, role) = round_trip(model);
    for (y, line) in (delay_y + 1..).zip(wrapped(&words, usize::from(width.saturating_sub(8)))) {
        canvas.text(8, y, width.saturating_sub(8), &line, role);
    }
}

/// What a cable from output to input really takes.
fn round_trip(model: &Model) -> (String, Role) {
    let key = key(model, Action::Measure);
    match &model.round_trip {
        None => (format!("{key}  measures what a cable from output to input really takes"), Role::Dim),
        Some(Measured::Running) => ("measuring: it chirps for half a second...".to_owned(), Role::Watch),
        Some(Measured::Found(found)) => {
            let (ms, samples) = (found.round_trip_ms, found.round_trip_samples);
            let metres = (ms / 2.94).max(1.0);
            (
                format!(
                    "measured {ms:.1} ms, {samples} samples: like {metres:.0} m from your own amp ({key} again)"
                ),
                Role::Fine,
            )
        }
        Some(Measured::Failed(why)) => (format!("{why} ({key} again)"), Role::Watch),
    }
}

fn name(canvas: &mut Canvas<'_>, setup: &Setup) {
    let width = canvas.width();
    canvas.text(0, 0, width, "What do others call you?", Role::Text);
    let shown = tail(&setup.name, usize::from(width.saturating_sub(12)));
    canvas.line(0, 2, width, &[span("name    ", Role::Dim), span(shown, Role::Key), span("_", Role::Key)]);
    canvas.text(0, 4, width, "Seen on this network only. Type another, or Enter takes it.", Role::Dim);
}
