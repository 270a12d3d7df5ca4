//! TLS on the port itself, for who has no proxy in front. HTTP/2 is offered first.

use std::{path::Path, sync::Arc};

use anyhow::Context as _;
use fenxi_chassis::files;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

/// Reads the certificate chain and its key.
///
/// # Errors
/// One line that names the file and what is wrong with it.
pub(crate) fn acceptor(chain: &Path, key: &Path) -> anyhow::Result<TlsAcceptor> {
    let wrong = |path: &Path| format!("--tls-cert-file and --tls-key-file: {} cannot be used", path.display());
    let certificates = CertificateDer::pem_file_iter(chain)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| wrong(chain))?;
    let private = PrivateKeyDer::from_pem_file(key).with_context(|| wrong(key))?;
    files::warn_of_others(key);
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, private)
        .with_context(|| wrong(chain))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
