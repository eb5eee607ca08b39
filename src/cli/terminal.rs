//! The only place that prints: data to standard output, talk to standard error.

use std::io::{self, IsTerminal, Write};

/// Prints data. A reader that has gone away, as `head` does, is no error.
pub fn data(text: &str) {
    let _ = io::stdout().lock().write_all(text.as_bytes());
}

/// Says something to the person at the terminal.
pub fn talk(text: &str) {
    let _ = writeln!(io::stderr().lock(), "keyfault: {}", crate::report::words::plain(text));
}

/// Whether data may be coloured: only on a terminal, and not against the reader's wish (<https://no-color.org>).
#[expect(clippy::disallowed_methods, reason = "NO_COLOR is an agreement between programs, not a setting of ours")]
pub fn colour() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// How many characters a line of data may have; none when it goes to a file or another program. `COLUMNS` tells more than shells export it.
#[expect(clippy::disallowed_methods, reason = "COLUMNS is an agreement between programs, not a setting of ours")]
pub fn width() -> Option<usize> {
    const USUAL: usize = 100;
    let told = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    io::stdout().is_terminal().then(|| told.unwrap_or(USUAL))
}

/// A bar over stored bytes; shown on terminals only.
pub fn bar(bytes: u64) -> indicatif::ProgressBar {
    if !io::stderr().is_terminal() {
        return indicatif::ProgressBar::hidden();
    }
    let style = indicatif::ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes} {bytes_per_sec} {eta}");
    let bar = indicatif::ProgressBar::new(bytes);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
