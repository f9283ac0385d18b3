using System.Text.Json.Nodes;
using Ioasis.Diagnostics.Record;

namespace Ioasis.Replay.Recordings;

/// <summary>Where the regions of devices are in their files: each system puts them elsewhere.</summary>
internal sealed class RegionOffsets
{
    private const int RegionShift = 40;

    private readonly Dictionary<(string File, ulong Number), ulong> _here = [];

    /// <summary>Takes the answer of VFIO_DEVICE_GET_REGION_INFO, and gives it the recorded offset.</summary>
    /// <param name="line">The recorded call, which succeeded.</param>
    /// <param name="file">The name of its file.</param>
    /// <param name="here">The offset here.</param>
    /// <param name="answer">The call as it was answered here.</param>
    internal void Take(JsonObject line, string file, ulong here, JsonObject answer)
    {
        if (!RecordValues.TryNumber(line["out"]?["offset"] ?? line["in"]?["offset"], out ulong recorded)) recorded = 0;
        _here[(file, recorded >> RegionShift)] = here;
        if (answer["out"] is not JsonObject changed) return;
        if (line["out"]?["offset"] is { } told) changed["offset"] = told.DeepClone();
        else changed.Remove("offset");
    }

    /// <summary>The offset here of a read, a write or a mapping.</summary>
    internal ulong Of(JsonObject line, string file)
    {
        RecordValues.TryNumber(line["offset"], out ulong offset);
        return _here.TryGetValue((file, offset >> RegionShift), out ulong here)
            ? here + (offset & ((1ul << RegionShift) - 1))
            : offset;
    }
}
