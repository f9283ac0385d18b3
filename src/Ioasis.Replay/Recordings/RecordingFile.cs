using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ioasis.Diagnostics.Record;
using Ioasis.Machine.Description;

namespace Ioasis.Replay.Recordings;

/// <summary>A recording: the machine and what a program did with it (docs/replay.md).</summary>
/// <param name="Header">The first line.</param>
/// <param name="Lines">The other lines, in their order.</param>
public sealed record RecordingFile(JsonObject Header, IReadOnlyList<JsonObject> Lines)
{
    /// <summary>Reads a recording.</summary>
    /// <exception cref="FormatException">It is none, or of another version.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static RecordingFile Read(string path) => Parse(File.ReadLines(path));

    /// <summary>Reads the lines of a recording.</summary>
    /// <exception cref="FormatException">They are none, or of another version.</exception>
    public static RecordingFile Parse(IEnumerable<string> lines)
    {
        ArgumentNullException.ThrowIfNull(lines);
        var read = new List<JsonObject>();
        int number = 0;
        foreach (string line in lines)
        {
            number++;
            if (line.Length == 0) continue;
            read.Add(ObjectOf(line, number));
            if (read.Count == 1 && !(RecordValues.TryNumber(read[0]["recording"], out ulong version)
                && version == Recorder.Version))
                throw new FormatException($"The first line is not that of a recording of version {Recorder.Version}.");
        }

        if (read.Count == 0) throw new FormatException("The recording is empty.");
        return new RecordingFile(read[0], read[1..]);
    }

    /// <summary>The options of <c>ioasis run</c> that make the machine, one word after the other.</summary>
    public IReadOnlyList<string> Options =>
        [.. (Header["machine"]?["options"] as JsonArray ?? []).Select(o => o?.ToString() ?? "")];

    /// <summary>The description of the machine, as a file for <c>--machine</c> has it; null for none.</summary>
    public string? Description => Header["machine"]?["description"]?.ToJsonString();

    /// <summary>Describes the machine that it was made on. Loads the plug-ins that it names.</summary>
    /// <exception cref="MachineDescriptionException">The description is wrong.</exception>
    public MachineDescription DescribeMachine()
    {
        IReadOnlyList<string> words = Options;
        for (int i = 0; i + 1 < words.Count; i += 2) if (words[i] == "--plugin") Plugins.Load(words[i + 1]);
        MachineDescription machine = Description is { } text
            ? MachineDescription.Parse("machine of the recording", Encoding.UTF8.GetBytes(text))
            : MachineDescription.Default;
        for (int i = 0; i + 1 < words.Count; i += 2)
        {
            machine = words[i] switch
            {
                "--device" => machine.WithDevice(words[i + 1]),
                "--mdev" => machine.WithMdev(words[i + 1]),
                _ => machine,
            };
        }

        return machine;
    }

    /// <summary>Whether it has the pages that calls mapped.</summary>
    public bool HasMemory => (string?)Header["memory"] == "pages";

    /// <summary>Writes a recording.</summary>
    public void Write(TextWriter output)
    {
        ArgumentNullException.ThrowIfNull(output);
        output.WriteLine(Recorder.TextOf(Header));
        foreach (JsonObject line in Lines) output.WriteLine(Recorder.TextOf(line));
    }

    /// <summary>Whether the VFIO node of a path is one device's; else it is a group's.</summary>
    internal static bool IsNodeOfDevice(string path) =>
        path.StartsWith("/dev/vfio/devices/", StringComparison.Ordinal);

    /// <summary>Whether a read is repeated by the program's next call on the file.</summary>
    internal bool IsRepeated(int index) => IsRepeated(Lines, index);

    /// <summary>Whether the program reads the same again: it waits for a device.</summary>
    internal static bool IsRepeated(IReadOnlyList<JsonObject> lines, int index)
    {
        JsonObject line = lines[index];
        if ((string?)line["call"] != "read") return false;
        for (int next = index + 1; next < lines.Count; next++)
        {
            JsonObject other = lines[next];
            if ((string?)other["event"] != "call" || !JsonNode.DeepEquals(other["file"], line["file"])) continue;
            return (string?)other["call"] == "read" && JsonNode.DeepEquals(other["offset"], line["offset"])
                && JsonNode.DeepEquals(other["count"], line["count"]);
        }

        return false;
    }

    private static JsonObject ObjectOf(string line, int number)
    {
        try
        {
            return JsonNode.Parse(line) as JsonObject
                ?? throw new FormatException(string.Create(
                    CultureInfo.InvariantCulture, $"Line {number} is no object of JSON."));
        }
        catch (JsonException e)
        {
            throw new FormatException(string.Create(
                CultureInfo.InvariantCulture, $"Line {number} is no JSON: {e.Message}"), e);
        }
    }
}
