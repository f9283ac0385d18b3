using System.Text.Json.Nodes;

namespace Ioasis.Web.Lessons;

/// <summary>What is different in two states of a machine (docs/state.schema.json).</summary>
internal static class StateChanges
{
    private static readonly string[] s_unshown = [
        "ioasis", "chargedBytes", "iovaRanges", "number", "process", "kind", "path", "first", "last",
    ];

    /// <summary>The differences, in the order of the later state; what is gone stands at the end.</summary>
    internal static IReadOnlyList<StateChange> Between(JsonNode before, JsonNode after)
    {
        Dictionary<string, Dictionary<string, string>> was = Read(before), now = Read(after);
        List<StateChange> changes = [];
        foreach ((string what, Dictionary<string, string> values) in now)
        {
            if (!was.TryGetValue(what, out Dictionary<string, string>? former))
                changes.Add(new StateChange(what, null, TextOf(values)));
            else if (values.Except(former).Any() || former.Except(values).Any())
                changes.Add(new StateChange(what, TextOf(former.Except(values)), TextOf(values.Except(former))));
        }

        foreach ((string what, Dictionary<string, string> former) in was)
            if (!now.ContainsKey(what)) changes.Add(new StateChange(what, TextOf(former), null));
        return changes;
    }

    private static string TextOf(IEnumerable<KeyValuePair<string, string>> values) =>
        string.Join(", ", values.Select(v => $"{v.Key} {v.Value}"));

    private static Dictionary<string, Dictionary<string, string>> Read(JsonNode state)
    {
        Dictionary<string, Dictionary<string, string>> found = [];
        AddTo(found, "", "", state.AsObject());
        return found;
    }

    private static void AddTo(
        Dictionary<string, Dictionary<string, string>> found, string own, string list, JsonObject one)
    {
        Dictionary<string, string> values = found[own.Length == 0 ? "machine" : own] = [];
        foreach ((string name, JsonNode? value) in one)
        {
            if (s_unshown.Contains(name) || name == KeyOf(list) || value is null) continue;
            if (value is JsonArray array && array.All(e => e is JsonObject))
                foreach (JsonObject element in array.OfType<JsonObject>())
                    AddTo(found, NameOf(name, element, own), name, element);
            else if (value is JsonArray texts) values[name] = string.Join('+', texts.Select(t => t?.ToString()));
            else values[name] = value.ToString();
        }
    }

    // What its name has of it already.
    private static string KeyOf(string list) => list switch
    {
        "contexts" => "context",
        "objects" => "id",
        "attachments" => "pasid",
        "groups" => "group",
        "devices" => "device",
        _ => "name",
    };

    private static string NameOf(string list, JsonObject one, string place)
    {
        string name = list switch
        {
            "contexts" => $"context {one["context"]}",
            "objects" => $"{KindOf((string?)one["kind"])} {one["id"]}",
            "files" => $"open file {one["path"]}",
            "attachments" => one["pasid"] is { } pasid ? $"PASID {pasid}" : "requests without PASID",
            "maps" => $"map {one["first"]}-{one["last"]}",
            "groups" => $"group {one["group"]}",
            "devices" => $"device {one["device"]}",
            _ => $"{list.TrimEnd('s')} {one["name"] ?? one["unit"] ?? one["uuid"] ?? one["device"] ?? one["id"]}",
        };
        return place.Length == 0 ? name : $"{place}: {name}";
    }

    private static string KindOf(string? kind) => kind switch
    {
        "ioas" => "IOAS",
        "hwpt_paging" => "HWPT",
        "hwpt_nested" => "nested HWPT",
        "fault" => "fault queue",
        null => "object",
        _ => kind,
    };
}

/// <summary>Something in a machine that changed.</summary>
/// <param name="What">What it is.</param>
/// <param name="Was">How it was; null if it was not there.</param>
/// <param name="Now">How it is; null if it is gone.</param>
internal sealed record StateChange(string What, string? Was, string? Now);
