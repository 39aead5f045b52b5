use std::process::ExitCode;

use ::audit::Reason;
use clap::Subcommand;
use contracts::generated;
use embedded::{Place, Store};
use kernel::{caller::Tenant, id::TenantId, telemetry::Format};

use super::{DataArgs, Failure, runtime, say};

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Prove that no entry was changed, removed or moved. Fails when one was, and names the first.
    Verify {
        #[command(flatten)]
        data: DataArgs,
        /// Only this tenant's chain.
        #[arg(long)]
        tenant: Option<TenantId>,
    },
}

pub fn run(command: AuditCommand) -> Result<ExitCode, Failure> {
    let AuditCommand::Verify { data, tenant } = command;
    let folder = data.existing()?;
    runtime(Format::Detect)?.block_on(async {
        let store = Store::open(&Place::Folder(folder), aws::Recorder::default()).await?;
        let table = store.table(generated::module("audit")).await?;
        let tenants = match tenant {
            Some(tenant) => vec![tenant],
            None => store.tenants_in("audit").await?.into_iter().collect(),
        };
        let mut all_intact = true;
        for tenant in tenants {
            let chain = ::audit::verify_chain(&table, Tenant::of_internal_call(tenant)).await?;
            all_intact &= chain.intact;
            say(&match chain.first_broken {
                None => format!("{tenant}: intact, {} entries", chain.entries),
                Some(broken) => {
                    format!(
                        "{tenant}: BROKEN at entry {}: {}",
                        broken.sequence,
                        explain(broken.reason)
                    )
                }
            });
        }
        Ok(if all_intact { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

fn explain(reason: Reason) -> &'static str {
    match reason {
        Reason::Changed => "its content was changed",
        Reason::Missing => "it was removed",
        Reason::Misplaced => "something else stands in its place",
        Reason::Unlinked => "it does not follow from the entry before",
    }
}
