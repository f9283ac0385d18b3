using System.Globalization;

namespace Ioasis.Diagnostics.Trace;

/// <summary>
/// The files of a trace that has one for each process: FILE.PID, and FILE for what no process caused. Few are open at a
/// time, however many processes there are.
/// </summary>
/// <param name="path">FILE.</param>
/// <param name="header">The first line of each file; null for none.</param>
internal sealed class TraceFiles(string path, string? header = null) : IDisposable
{
    private const int MostOpen = 32;

    private readonly Dictionary<int, StreamWriter> _open = [];
    private readonly HashSet<int> _known = []; // those that were begun, and are continued

    /// <summary>Writes a line.</summary>
    /// <param name="process">The process; 0 for none.</param>
    /// <param name="line">The line.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void WriteLine(int process, string line)
    {
        if (!_open.TryGetValue(process, out StreamWriter? writer))
        {
            if (_open.Count == MostOpen) Dispose();
            bool begins = _known.Add(process);
            writer = new StreamWriter(PathOf(process), append: !begins);
            _open.Add(process, writer);
            if (begins && header is not null) writer.WriteLine(header);
        }

        writer.WriteLine(line);
    }

    /// <summary>Brings what was written to the files.</summary>
    public void Flush()
    {
        foreach (StreamWriter writer in _open.Values) writer.Flush();
    }

    /// <summary>Closes the files. They can be continued.</summary>
    public void Dispose()
    {
        foreach (StreamWriter writer in _open.Values) writer.Dispose();
        _open.Clear();
    }

    private string PathOf(int process) =>
        process == 0 ? path : string.Create(CultureInfo.InvariantCulture, $"{path}.{process}");
}
