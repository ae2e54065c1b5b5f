"""The only boto3 in the tree: small adapters that implement what the domain asks for."""
