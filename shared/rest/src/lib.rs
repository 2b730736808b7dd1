//! The REST API: router, problem details, OpenAPI.
