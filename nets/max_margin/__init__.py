"""The max-margin law: where nets end, from the norms of their kernels; nothing here needs torch."""
