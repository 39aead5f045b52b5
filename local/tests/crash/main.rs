//! The `plinth` command as a process: killed, stopped, started again on the same data, and looked after
//! with its other commands.

mod commands;
mod kill;
mod process;
mod start;
mod stop;
