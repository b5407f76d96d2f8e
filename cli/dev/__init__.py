"""The commands for those who change the product, a module each."""
