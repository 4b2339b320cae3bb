"""Bytes and proofs of the ledger: canonical form, sealing, Merkle tree, checkpoints."""
