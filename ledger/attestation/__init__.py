"""Signs and verifies: SSH signatures through ssh-keygen and an agent, raw Ed25519 beside them."""

from ledger.attestation.signing import Signer, public_key_of, signed, signed_text, signer_of_text, signers

__all__ = ["Signer", "public_key_of", "signed", "signed_text", "signer_of_text", "signers"]
