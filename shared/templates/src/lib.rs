//! Project templates: catalogue, parameters, rendering.
