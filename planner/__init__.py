"""From measured times to hardware for a cohort: how many GPUs, of which kind, shared how."""
