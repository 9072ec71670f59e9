"""From measured times to hardware for a cohort."""
