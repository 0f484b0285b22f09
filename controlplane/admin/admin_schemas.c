#include "admin/admin_schemas.h"

#define STRING "{\"type\":\"string\"}"
#define INTEGER "{\"type\":\"integer\"}"
#define BOOLEAN "{\"type\":\"boolean\"}"
#define TIME "{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"}"
#define REF(name) "{\"$ref\":\"#/components/schemas/" name "\"}"
#define LIST(of) "{\"type\":\"array\",\"items\":" of "}"
#define OBJECT(required, members) "{\"type\":\"object\",\"required\":[" required "],\"properties\":{" members "}}"
#define OP "{\"enum\":[\"created\",\"updated\",\"unchanged\",\"deleted\"]}"
#define OPTIONS "\"dryRun\":" BOOLEAN ",\"message\":" STRING ",\"baseRevision\":" INTEGER
#define KIND_NAME "\"kind\":" STRING ",\"name\":" STRING

const char admin_schemas[] =
    "{\"Any\":{}"
    ",\"Problem\":" OBJECT("\"title\",\"status\",\"detail\"",
        "\"type\":" STRING ",\"title\":" STRING ",\"status\":" INTEGER ",\"detail\":" STRING ",\"requestId\":" STRING
        ",\"diagnostics\":" LIST(REF("Diagnostic")))
    ",\"Diagnostic\":" OBJECT("\"severity\",\"code\",\"message\"",
        "\"severity\":{\"enum\":[\"error\",\"warning\"]},\"code\":" STRING ",\"file\":" STRING ",\"line\":" INTEGER
        ",\"column\":" INTEGER ",\"width\":" INTEGER ",\"path\":" STRING ",\"message\":" STRING ",\"hint\":" STRING
        ",\"caret\":" INTEGER ",\"excerpt\":" LIST(OBJECT("", "\"line\":" INTEGER ",\"text\":" STRING)))
    ",\"File\":" OBJECT("\"text\"", "\"name\":" STRING ",\"text\":" STRING)
    ",\"Key\":" OBJECT("\"kind\",\"name\"", KIND_NAME)
    ",\"ApplyRequest\":" OBJECT("", "\"files\":" LIST(REF("File")) ",\"deletes\":" LIST(REF("Key")) "," OPTIONS)
    ",\"DiffRequest\":" OBJECT("\"files\"", "\"files\":" LIST(REF("File")))
    ",\"ChangeOptions\":" OBJECT("", OPTIONS)
    ",\"StageVariables\":" OBJECT("",
        "\"set\":{\"type\":\"object\",\"additionalProperties\":" STRING "},\"unset\":" LIST(STRING) "," OPTIONS)
    ",\"Change\":" OBJECT("\"kind\",\"name\",\"op\"", KIND_NAME ",\"op\":" OP ",\"summary\":" STRING)
    ",\"EnvironmentRoot\":" OBJECT("\"name\",\"root\"", "\"name\":" STRING ",\"revision\":" INTEGER ",\"root\":" STRING)
    ",\"ApplyResult\":" OBJECT("\"revision\",\"changed\",\"changes\",\"environments\"",
        "\"revision\":" INTEGER ",\"changed\":" BOOLEAN ",\"dryRun\":" BOOLEAN ",\"changes\":" LIST(REF("Change"))
        ",\"environments\":" LIST(REF("EnvironmentRoot")) ",\"diagnostics\":" LIST(REF("Diagnostic")))
    ",\"Diff\":" OBJECT("\"changes\"",
        "\"changes\":" LIST(OBJECT("\"kind\",\"name\",\"op\"", KIND_NAME ",\"op\":" OP ",\"diff\":" STRING)))
    ",\"DocumentList\":" LIST(OBJECT("\"kind\",\"name\",\"revision\"",
        KIND_NAME ",\"revision\":" INTEGER ",\"file\":" STRING ",\"line\":" INTEGER))
    ",\"Document\":" OBJECT("\"kind\",\"name\",\"revision\",\"text\",\"spec\"",
        KIND_NAME ",\"revision\":" INTEGER ",\"file\":" STRING ",\"line\":" INTEGER ",\"text\":" STRING
        ",\"spec\":{\"type\":\"object\",\"description\":\"the whole document as JSON\"}")
    ",\"Revision\":" OBJECT("\"revision\",\"epoch\",\"at\",\"who\",\"action\",\"changes\"",
        "\"revision\":" INTEGER ",\"epoch\":" INTEGER ",\"at\":" TIME ",\"who\":" STRING ",\"action\":" STRING
        ",\"message\":" STRING ",\"restores\":" INTEGER ",\"changes\":" LIST(REF("Change"))
        ",\"environments\":" LIST(REF("EnvironmentRoot")) ",\"documents\":" LIST(OBJECT("\"kind\",\"name\",\"op\"",
            KIND_NAME ",\"op\":" OP ",\"file\":" STRING ",\"line\":" INTEGER ",\"text\":" STRING)))
    ",\"RevisionList\":" LIST(REF("Revision"))
    ",\"BundleVersion\":{\"type\":[\"object\",\"null\"],\"properties\":{\"epoch\":" INTEGER ",\"revision\":" INTEGER
        ",\"root\":" STRING "}}"
    ",\"NodeError\":" OBJECT("\"code\",\"message\"",
        "\"code\":" STRING ",\"type\":" STRING ",\"key\":" STRING ",\"field\":" STRING ",\"message\":" STRING
        ",\"retryable\":" BOOLEAN)
    ",\"Node\":" OBJECT("\"id\",\"environment\",\"state\",\"connected\"",
        "\"id\":" STRING ",\"environment\":" STRING ",\"state\":" STRING ",\"connected\":" BOOLEAN ",\"draining\":" BOOLEAN
        ",\"lagging\":" BOOLEAN ",\"active\":" REF("BundleVersion") ",\"health\":" STRING ",\"source\":" STRING
        ",\"version\":" STRING ",\"address\":" STRING ",\"labels\":" STRING ",\"workers\":" INTEGER ",\"restarts\":" INTEGER
        ",\"uptimeSeconds\":" INTEGER ",\"rssBytes\":" INTEGER ",\"requests\":" INTEGER ",\"liveGenerations\":" INTEGER
        ",\"clockSkewMillis\":" INTEGER ",\"connectedAt\":" TIME ",\"lastSeen\":" TIME ",\"firstSeen\":" TIME
        ",\"certificateNotAfter\":" TIME ",\"error\":" REF("NodeError") ",\"errorVersion\":" REF("BundleVersion")
        ",\"errorAt\":" TIME)
    ",\"NodeList\":" LIST(REF("Node"))
    ",\"Rollout\":" OBJECT("\"environment\",\"state\"",
        "\"environment\":" STRING ",\"state\":{\"enum\":[\"empty\",\"pending\",\"activating\",\"live\",\"failed\"]}"
        ",\"live\":" REF("BundleVersion") ",\"head\":" REF("BundleVersion") ",\"connected\":" INTEGER ",\"built\":" INTEGER
        ",\"active\":" INTEGER ",\"lagging\":" INTEGER ",\"refused\":" INTEGER ",\"since\":" TIME
        ",\"failure\":{\"type\":[\"object\",\"null\"],\"properties\":{\"node\":" STRING ",\"error\":" REF("NodeError") "}}"
        ",\"nodes\":" LIST(REF("Node")))
    ",\"RolloutList\":" LIST(REF("Rollout"))
    ",\"TokenRequest\":" OBJECT("\"kind\"",
        "\"kind\":{\"enum\":[\"api\",\"join\"]},\"role\":{\"enum\":[\"viewer\",\"editor\",\"admin\"]},\"environment\":" STRING
        ",\"ttlSeconds\":" INTEGER ",\"uses\":" INTEGER ",\"name\":" STRING)
    ",\"Token\":" OBJECT("\"id\",\"kind\"",
        "\"id\":" STRING ",\"name\":" STRING ",\"kind\":" STRING ",\"role\":" STRING ",\"environment\":" STRING
        ",\"usesLeft\":" INTEGER ",\"createdBy\":" STRING ",\"createdAt\":" TIME ",\"expiresAt\":" TIME ",\"lastUsedAt\":" TIME
        ",\"revokedAt\":" TIME)
    ",\"CreatedToken\":" OBJECT("\"token\",\"id\",\"kind\"",
        "\"token\":" STRING ",\"id\":" STRING ",\"kind\":" STRING ",\"role\":" STRING ",\"environment\":" STRING
        ",\"usesLeft\":" INTEGER ",\"name\":" STRING ",\"expiresAt\":" TIME)
    ",\"TokenList\":" LIST(REF("Token"))
    ",\"AuditList\":" LIST(OBJECT("\"id\",\"at\",\"who\",\"action\"",
        "\"id\":" INTEGER ",\"at\":" TIME ",\"who\":" STRING ",\"peer\":" STRING ",\"action\":" STRING ",\"target\":" STRING
        ",\"requestId\":" STRING ",\"status\":" INTEGER))
    ",\"Version\":" OBJECT("\"version\",\"clusterId\"",
        "\"version\":" STRING ",\"clusterId\":" STRING ",\"startedAt\":" TIME ",\"ready\":" BOOLEAN)
    "}";
