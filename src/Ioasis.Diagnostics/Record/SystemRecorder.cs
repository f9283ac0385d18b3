using System.Diagnostics;
using System.Text.Json.Nodes;
using Ioasis.Core.Observation;

namespace Ioasis.Diagnostics.Record;

/// <summary>
/// Writes a recording of calls that the kernel beneath serves. One thread uses it, which writes each line at once: the
/// program waits for it meanwhile.
/// </summary>
internal sealed class SystemRecorder
{
    private readonly TextWriter _output;
    private readonly RecordLines _lines = new(new RecordSymbols());
    private readonly long _started = Stopwatch.GetTimestamp();
    private long _sequence;

    /// <summary>Begins to record.</summary>
    /// <param name="machine">A machine that is like the system, as the first line has it.</param>
    /// <param name="withMemory">Whether the pages that calls map are recorded, not only their hash.</param>
    /// <param name="output">Where the recording is written.</param>
    /// <exception cref="IOException">The output cannot be written.</exception>
    public SystemRecorder(JsonObject machine, bool withMemory, TextWriter output)
    {
        ArgumentNullException.ThrowIfNull(output);
        _output = output;
        output.WriteLine(Recorder.TextOf(Recorder.HeaderOf(machine, withMemory)));
    }

    /// <summary>A file was seen for the first time.</summary>
    /// <param name="path">Its path; for a queue its name in brackets.</param>
    /// <param name="file">The file.</param>
    /// <param name="device">The address of the PCI function that it is of; null for none.</param>
    /// <param name="byCall">Whether an ioctl opened it.</param>
    /// <exception cref="IOException">The output cannot be written.</exception>
    public void Opened(string path, object file, string? device, bool byCall)
    {
        JsonObject line = _lines.Opened(path, file, device);
        if (byCall) line["by_call"] = true;
        Write(line);
    }

    /// <summary>The last descriptor and mapping of a file is gone.</summary>
    /// <exception cref="IOException">The output cannot be written.</exception>
    public void Closed(object file) => Write(_lines.Closed(file));

    /// <summary>A call was answered.</summary>
    /// <exception cref="IOException">The output cannot be written.</exception>
    public void Called(NodeCall call)
    {
        ArgumentNullException.ThrowIfNull(call);
        JsonObject line = _lines.Called(call);
        line["took"] = Math.Round(Stopwatch.GetElapsedTime(call.Began).TotalSeconds, 6);
        Write(line);
    }

    private void Write(JsonObject body)
    {
        var line = new JsonObject
        {
            ["seq"] = ++_sequence,
            ["time"] = Math.Round(Stopwatch.GetElapsedTime(_started).TotalSeconds, 6),
        };
        RecordLines.Append(line, body);
        _output.WriteLine(Recorder.TextOf(line));
    }
}
