//! Signatures in OpenSSH's format (SSHSIG), as `ssh-keygen -Y sign -n blueberry-record` makes them.
//!
//! A signature says that the owner of a key stands behind a file. Who the owner is, it does not say: that is
//! for whoever knows the key.

use std::path::{Path, PathBuf};

use ssh_key::{Algorithm, EcdsaCurve, HashAlg, LineEnding, PrivateKey, PublicKey, SshSig};
use thiserror::Error;

use crate::folder::{FolderError, read_text};

/// What a signature is for; one made for another purpose does not verify.
pub const NAMESPACE: &str = "blueberry-record";

/// Environment variable with the passphrase of an encrypted key.
pub const PASSPHRASE_VARIABLE: &str = "BLUEBERRY_KEY_PASSPHRASE";

/// A key file is a few kilobytes.
const KEY_BYTES: u64 = 64 << 10;

/// A private key, ready to sign.
#[derive(Debug)]
pub struct Signer {
    key: PrivateKey,
    path: PathBuf,
}

/// Why something is not signed, or a signature does not hold.
#[derive(Debug, Error)]
pub enum SignError {
    /// The key file.
    #[error(transparent)]
    File(#[from] FolderError),
    /// It holds no key.
    #[error("`{}` is no OpenSSH private key that can be used ({cause}); Ed25519 and ECDSA P-256 keys in a file can (`ssh-keygen -t ed25519`), not RSA, agents or security keys", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        cause: ssh_key::Error,
    },
    /// The key is encrypted.
    #[error("`{}` is encrypted: set {PASSPHRASE_VARIABLE} to its passphrase; nothing is asked for", .0.display())]
    Encrypted(PathBuf),
    /// The passphrase does not open it.
    #[error("`{}`: the passphrase in {PASSPHRASE_VARIABLE} does not open it", .0.display())]
    Passphrase(PathBuf),
    /// The key did not sign.
    #[error("`{}` cannot sign: {cause}", path.display())]
    Sign {
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: ssh_key::Error,
    },
    /// The public key is none.
    #[error("`{key}` is no public key in OpenSSH's one-line form: {cause}")]
    PublicKey {
        /// What stands there.
        key: String,
        /// What the parser said.
        cause: ssh_key::Error,
    },
    /// A file that holds no public key, or one whose private key cannot sign here.
    #[error("`{}` is no public key that can sign a record: name the `.pub` file, a line, of an Ed25519 or ECDSA P-256 key (`ssh-keygen -t ed25519`)", .0.display())]
    PublicKeyFile(PathBuf),
    /// The signature is none.
    #[error("no signature in OpenSSH's format: {0}")]
    Format(ssh_key::Error),
    /// It does not hold.
    #[error("the signature does not hold for this text, this key and the purpose `{NAMESPACE}`")]
    Forged,
}

impl Signer {
    /// Reads a private key; an encrypted one is opened by `passphrase`. Nothing is asked for.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn open(path: &Path, passphrase: Option<&str>) -> Result<Self, SignError> {
        let text = read_text(path, KEY_BYTES)?;
        let bad = |cause| SignError::Key {
            path: path.to_owned(),
            cause,
        };
        let mut key = PrivateKey::from_openssh(&text).map_err(bad)?;
        if key.is_encrypted() {
            let passphrase = passphrase.ok_or_else(|| SignError::Encrypted(path.to_owned()))?;
            key = key
                .decrypt(passphrase)
                .map_err(|_| SignError::Passphrase(path.to_owned()))?;
        }
        Ok(Self {
            key,
            path: path.to_owned(),
        })
    }

    /// The public key in its one-line form, without the comment, which often holds an address.
    ///
    /// # Errors
    /// [`SignError::Sign`] for a key that has none.
    pub fn public_key(&self) -> Result<String, SignError> {
        let mut key = self.key.public_key().clone();
        key.set_comment("");
        key.to_openssh()
            .map(|text| text.trim().to_owned())
            .map_err(|cause| self.fail(cause))
    }

    /// The signature over `text`, as the content of a `.sig` file.
    ///
    /// # Errors
    /// [`SignError::Sign`].
    pub fn sign(&self, text: &[u8]) -> Result<String, SignError> {
        let signature = self
            .key
            .sign(NAMESPACE, HashAlg::Sha512, text)
            .map_err(|cause| self.fail(cause))?;
        signature.to_pem(LineEnding::LF).map_err(|cause| self.fail(cause))
    }

    fn fail(&self, cause: ssh_key::Error) -> SignError {
        SignError::Sign {
            path: self.path.clone(),
            cause,
        }
    }
}

/// Whether `keys`, a line each of a name and a public key in OpenSSH's one-line form, has this key. Lines that begin with
/// `#` are for people.
///
/// # Errors
/// [`SignError::PublicKey`] for a line without a key.
pub fn is_listed(keys: &str, public_key: &str) -> Result<bool, SignError> {
    let wanted = parse_key(public_key)?;
    for line in keys.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (_, key) = line.split_once(' ').unwrap_or((line, ""));
        if parse_key(key)?.key_data() == wanted.key_data() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether both are the same public key, whatever their comments.
///
/// # Errors
/// [`SignError::PublicKey`] for what is no key.
pub fn is_same_key(one: &str, other: &str) -> Result<bool, SignError> {
    Ok(parse_key(one)?.key_data() == parse_key(other)?.key_data())
}

/// The public key in a file, as `ssh-keygen` writes `.pub`, in its one-line form without the comment.
///
/// # Errors
/// [`SignError::File`], and [`SignError::PublicKeyFile`] for what is no key or one that [`Signer::open`] refuses. The text is
/// no part of it: it may be a private key's.
pub fn read_public_key(path: &Path) -> Result<String, SignError> {
    let refused = || SignError::PublicKeyFile(path.to_owned());
    let text = read_text(path, KEY_BYTES)?;
    // As of a list of several keys.
    if text.trim().contains('\n') {
        return Err(refused());
    }
    let mut key = PublicKey::from_openssh(text.trim()).map_err(|_| refused())?;
    let signs = matches!(
        key.algorithm(),
        Algorithm::Ed25519
            | Algorithm::Ecdsa {
                curve: EcdsaCurve::NistP256
            }
    );
    if !signs {
        return Err(refused());
    }
    key.set_comment("");
    let text = key.to_openssh().map_err(|_| refused())?;
    Ok(text.trim().to_owned())
}

fn parse_key(key: &str) -> Result<PublicKey, SignError> {
    PublicKey::from_openssh(key).map_err(|cause| SignError::PublicKey {
        key: key.to_owned(),
        cause,
    })
}

/// Checks that the owner of `public_key` signed `text`.
///
/// # Errors
/// [`SignError::PublicKey`] and [`SignError::Format`] for what is no key or signature,
/// [`SignError::Forged`] where the signature is not this key's, not this text's or for another purpose.
pub fn verify(public_key: &str, text: &[u8], signature: &str) -> Result<(), SignError> {
    let key = parse_key(public_key)?;
    let signature = SshSig::from_pem(signature).map_err(SignError::Format)?;
    key.verify(NAMESPACE, text, &signature)
        .map_err(|_| SignError::Forged)
}
