"""Bills of materials and inventories: what the lock knows, as documents that other tools read."""
