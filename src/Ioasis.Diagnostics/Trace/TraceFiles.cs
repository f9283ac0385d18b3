using System.Globalization;

namespace Ioasis.Diagnostics.Trace;

/// <summary>
/// The files of a trace that has one for each process: FILE.PID, and FILE for what no process caused. Few are open at a
/// time, however many processes there are.
/// </summary>
/// <param name="path">FILE.</param>
public sealed class TraceFiles(string path) : IDisposable
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
            writer = new StreamWriter(PathOf(process), append: !_known.Add(process));
            _open.Add(process, writer);
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
