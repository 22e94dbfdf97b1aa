//! A shell's name comes in; its completions go out.

use clap::CommandFactory;

use crate::args::{Cli, CompletionsArgs};

pub(crate) fn run(args: &CompletionsArgs) {
    clap_complete::generate(
        args.shell,
        &mut Cli::command(),
        "unbraid",
        &mut std::io::stdout(),
    );
}
