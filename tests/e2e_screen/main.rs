//! The screen as people have it: the real binary in a real terminal, beside real peers.

#![expect(clippy::print_stdout, reason = "figures are printed")]

#[cfg(test)]
mod figures;
#[cfg(test)]
mod restore;
#[cfg(test)]
mod tmux;
#[cfg(test)]
mod tty;
#[cfg(test)]
mod use_;
