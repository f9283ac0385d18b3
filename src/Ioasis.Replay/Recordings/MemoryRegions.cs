using System.Text.Json.Nodes;
using Ioasis.Diagnostics.Record;

namespace Ioasis.Replay.Recordings;

/// <summary>
/// The memory that the calls of a recording name, as runs of pages. A replay that is a process of its own has them at
/// other addresses.
/// </summary>
internal sealed class MemoryRegions
{
    private const ulong Page = 4096, Longest = 1UL << 36;

    private static readonly Dictionary<string, string> s_lengths = new()
    {
        ["user_va"] = "length",
        ["vaddr"] = "size",
    };

    private static readonly HashSet<string> s_addresses =
    [
        "user_va", "vaddr", "allowed_iovas", "data_uptr", "data", "token_uuid_ptr", "desc_user_addr", "used_user_addr",
        "avail_user_addr",
    ];

    private readonly List<MemoryRegion> _regions;

    private MemoryRegions(List<MemoryRegion> regions) => _regions = regions;

    internal IReadOnlyList<MemoryRegion> All => _regions;

    /// <summary>Finds the regions of a recording.</summary>
    internal static MemoryRegions Of(RecordingFile recording)
    {
        var ranges = new List<(ulong First, ulong End)>();
        foreach (JsonObject line in recording.Lines)
        {
            // What is not there when it is called stays away.
            if ((string?)line["errno"] == "EFAULT" || line["in"] is not JsonObject values) continue;
            foreach ((string field, JsonNode? value) in values)
            {
                if (!s_addresses.Contains(field) || !RecordValues.TryNumber(value, out ulong address)) continue;
                ulong length = LengthOf(line, values, field);
                if (address >= Page && length is > 0 and <= Longest && address <= ulong.MaxValue - length - Page)
                    ranges.Add((address & ~(Page - 1), (address + length + Page - 1) & ~(Page - 1)));
            }
        }

        var regions = new List<MemoryRegion>();
        foreach ((ulong first, ulong end) in ranges.Order())
        {
            if (regions.Count > 0 && first <= regions[^1].End)
                regions[^1] = regions[^1] with { End = Math.Max(end, regions[^1].End) };
            else
                regions.Add(new MemoryRegion($"memory_{regions.Count + 1}", first, end));
        }

        return new MemoryRegions(regions);
    }

    /// <summary>The region that has an address; null for none.</summary>
    internal MemoryRegion? Find(ulong address) => _regions.Find(r => address >= r.First && address < r.End);

    /// <summary>Whether a field of a structure is an address.</summary>
    internal static bool IsAddress(string field) => s_addresses.Contains(field);

    private static ulong LengthOf(JsonObject line, JsonObject values, string field)
    {
        if (s_lengths.TryGetValue(field, out string? length))
            return RecordValues.TryNumber(values[length], out ulong bytes) ? bytes : 0;
        if (RecordValues.BytesOf(line["memory"]?[field]) is { } piece) return (ulong)piece.Length;
        return field.EndsWith("user_addr", StringComparison.Ordinal) ? Page : 0;
    }
}

/// <summary>A run of pages.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="First">The address of its first byte in the recording.</param>
/// <param name="End">The address after its last byte.</param>
internal sealed record MemoryRegion(string Name, ulong First, ulong End)
{
    internal ulong Length => End - First;
}
