//! Outputs too large for their event: puts them into the object store and a reference in their place.
//!
//! The area of the store belongs to executions alone. A content is there before an event refers to it, and stays as
//! long as an execution that refers to it ([`Contents::remove_unless`]).

use std::{future::Future, io, sync::Arc};

use bytes::Bytes;
use fenxi_proto::analysis::v1::{
    ContentReference, MimeBundle, MimePart, OutputEvent, mime_part::Content, output_event::Event,
};
use tokio::sync::RwLock;

use super::{
    limits::{BUNDLE_INLINE_MAX_BYTES, PART_INLINE_MAX_BYTES, REFERENCE_HEAD_MAX_CHARS},
    live::Live,
};
use crate::objects::{ContentId, Objects};

/// The contents of outputs.
#[derive(Clone, Debug)]
pub(super) struct Contents {
    objects: Objects,
    /// Held for reading from a put until the reference is known, for writing by a removal.
    removal: Arc<RwLock<()>>,
}

impl Contents {
    pub(super) fn new(objects: Objects) -> Self {
        Self { objects, removal: Arc::default() }
    }

    /// Moves what is large out of an event. Gives how many bytes could not be stored and are left out.
    pub(super) async fn move_out(&self, live: &Live, event: &mut Event) -> u64 {
        let Some(bundle) = bundle_mut(event).filter(|bundle| is_large(bundle)) else { return 0 };
        let _stays = self.removal.read().await;
        let mut inline_bytes = 0;
        let mut lost_bytes = 0;
        let mut parts = Vec::with_capacity(bundle.parts.len());
        for part in std::mem::take(&mut bundle.parts) {
            let bytes = inline_len(&part);
            if bytes <= PART_INLINE_MAX_BYTES && inline_bytes + bytes <= BUNDLE_INLINE_MAX_BYTES {
                inline_bytes += bytes;
                parts.push(part);
                continue;
            }
            match self.store(part).await {
                Ok((part, id)) => {
                    live.add_content(id, bytes as u64);
                    parts.push(part);
                }
                Err(error) => {
                    tracing::error!(execution_id = %live.id(), %error, "a large output cannot be stored");
                    lost_bytes += bytes as u64;
                }
            }
        }
        bundle.parts = parts;
        lost_bytes
    }

    /// Puts one form of an output into the store and gives the same form with a reference.
    pub(super) async fn store(&self, part: MimePart) -> io::Result<(MimePart, ContentId)> {
        let (head, bytes) = match part.content {
            Some(Content::Text(text)) => (text.chars().take(REFERENCE_HEAD_MAX_CHARS).collect(), Bytes::from(text)),
            Some(Content::Data(data)) => (String::new(), data),
            Some(Content::Reference(_)) | None => (String::new(), Bytes::new()),
        };
        let size_bytes = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        let id = self.objects.put(bytes).await?;
        let reference = ContentReference { sha256: id.to_string(), size_bytes, head };
        Ok((MimePart { content: Some(Content::Reference(reference)), ..part }, id))
    }

    /// At most `max_bytes` of a content, from the byte at `offset`.
    pub(super) async fn read(&self, id: ContentId, offset: u64, max_bytes: u64) -> io::Result<Bytes> {
        self.objects.read(id, offset, max_bytes).await
    }

    /// Holds removals off until the guard goes.
    pub(super) async fn hold(&self) -> tokio::sync::RwLockReadGuard<'_, ()> {
        self.removal.read().await
    }

    /// Removes a content unless it is needed, with no put between the question and the removal.
    pub(super) async fn remove_unless<E: From<io::Error>>(
        &self,
        id: ContentId,
        needed: impl Future<Output = Result<bool, E>>,
    ) -> Result<bool, E> {
        let _alone = self.removal.write().await;
        if needed.await? {
            return Ok(false);
        }
        Ok(self.objects.remove(id).await?)
    }
}

/// The contents that an event refers to, with their sizes in bytes.
pub(super) fn references(event: &OutputEvent) -> impl Iterator<Item = (ContentId, u64)> {
    let parts = event.event.as_ref().and_then(bundle).map(|bundle| bundle.parts.as_slice()).unwrap_or_default();
    parts.iter().filter_map(|part| match &part.content {
        Some(Content::Reference(reference)) => {
            Some((reference.sha256.parse().ok()?, u64::try_from(reference.size_bytes).unwrap_or(0)))
        }
        _ => None,
    })
}

/// The forms of an output.
pub(super) fn bundle(event: &Event) -> Option<&MimeBundle> {
    match event {
        Event::Display(display) => display.bundle.as_ref(),
        Event::UpdateDisplay(display) => display.bundle.as_ref(),
        Event::Result(result) => result.bundle.as_ref(),
        _ => None,
    }
}

/// The same, to change them.
pub(super) fn bundle_mut(event: &mut Event) -> Option<&mut MimeBundle> {
    match event {
        Event::Display(display) => display.bundle.as_mut(),
        Event::UpdateDisplay(display) => display.bundle.as_mut(),
        Event::Result(result) => result.bundle.as_mut(),
        _ => None,
    }
}

/// Bytes of a form that stand in its event.
pub(super) fn inline_len(part: &MimePart) -> usize {
    match &part.content {
        Some(Content::Text(text)) => text.len(),
        Some(Content::Data(data)) => data.len(),
        Some(Content::Reference(_)) | None => 0,
    }
}

fn is_large(bundle: &MimeBundle) -> bool {
    let lengths = || bundle.parts.iter().map(inline_len);
    lengths().any(|bytes| bytes > PART_INLINE_MAX_BYTES) || lengths().sum::<usize>() > BUNDLE_INLINE_MAX_BYTES
}
