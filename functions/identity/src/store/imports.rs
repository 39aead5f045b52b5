use aws::{Key, StoreError, Write};
use kernel::{caller::Tenant, event::Envelope, id::ImportId};

use super::{Conflict, SaveError, Store, transaction::Transaction};
use crate::import::{Chunk, Import, LineOutcome};

impl Store {
    /// Stores an import with all of its chunks, each of which announces its event. Fails with
    /// [`Conflict::Exists`] when that was done.
    pub async fn create_import(
        &self,
        tenant: Tenant,
        import: &Import,
        chunks: impl Iterator<Item = (&Chunk, Envelope)>,
    ) -> Result<(), SaveError> {
        let record = Write::put(import_key(tenant, import.id), import).if_absent();
        let mut transaction = Transaction::default();
        transaction.guarded(record.expires(import.expires_at), Conflict::Exists);
        transaction.extend(chunks.map(|(chunk, event)| {
            Write::put(chunk_key(tenant, import.id, chunk.number), chunk)
                .expires(import.expires_at)
                .announce(&[event])
        }));
        transaction.commit(&self.table).await
    }

    /// The import, expired as it may be.
    pub async fn find_import(
        &self,
        tenant: Tenant,
        import: ImportId,
    ) -> Result<Option<Import>, StoreError> {
        self.table.get(&import_key(tenant, import)).await
    }

    pub async fn find_chunk(
        &self,
        tenant: Tenant,
        import: ImportId,
        number: u32,
    ) -> Result<Option<Chunk>, StoreError> {
        self.table.get(&chunk_key(tenant, import, number)).await
    }

    /// The chunks with these numbers.
    pub async fn find_chunks(
        &self,
        tenant: Tenant,
        import: ImportId,
        numbers: impl Iterator<Item = u32>,
    ) -> Result<Vec<Chunk>, StoreError> {
        let keys: Vec<_> = numbers.map(|number| chunk_key(tenant, import, number)).collect();
        Ok(self.table.get_many(&keys).await?.into_iter().flatten().collect())
    }

    /// Puts a chunk's report in place of its lines, and counts it. Does nothing when that was done.
    pub async fn finish_chunk(
        &self,
        tenant: Tenant,
        import: &Import,
        chunk: &Chunk,
    ) -> Result<(), StoreError> {
        let count = |outcome: LineOutcome| {
            let matching = chunk.report.iter().filter(|line| line.outcome == outcome);
            i64::try_from(matching.count()).unwrap_or(i64::MAX)
        };
        let report = Write::put(chunk_key(tenant, import.id, chunk.number), chunk)
            .expires(import.expires_at)
            .when("attribute_exists(#open)");
        let counted = Write::update(import_key(tenant, import.id))
            .add("created", count(LineOutcome::Created))
            .add("exists", count(LineOutcome::Exists))
            .add("invalid", count(LineOutcome::Invalid))
            .if_present();
        match self.table.write_all(vec![report, counted]).await {
            Err(StoreError::Condition(_)) => Ok(()),
            outcome => outcome,
        }
    }
}

fn import_key(tenant: Tenant, import: ImportId) -> Key {
    Key::new(format!("T#{tenant}#IMPORT#{import}"), "import")
}

fn chunk_key(tenant: Tenant, import: ImportId, number: u32) -> Key {
    Key::new(format!("T#{tenant}#IMPORT#{import}"), format!("chunk#{number:04}"))
}
