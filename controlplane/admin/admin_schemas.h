#pragma once
/* The shapes of what comes and goes, as JSON Schema: one JSON object. Data only. */
extern const char admin_schemas[];
