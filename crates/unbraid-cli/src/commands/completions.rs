//! A shell's name comes in; its completions go out.

use clap::CommandFactory;

use crate::args::{Cli, CompletionsArgs};
use crate::output;

pub(crate) fn run(args: &CompletionsArgs) {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "unbraid", &mut script);
    output::bytes(&script);
}
