using System.Globalization;
using Ioasis.Linux.Processes;

namespace Ioasis.Host.Launch;

/// <summary>Processes with all that they started.</summary>
internal static class ProcessTree
{
    private const int SIGKILL = 9, SIGSTOP = 19, MostRounds = 100;

    /// <summary>
    /// Kills processes and their descendants. They are stopped first, round by round, so that none starts another one
    /// unseen.
    /// </summary>
    public static void Kill(IReadOnlyList<int> roots)
    {
        var stopped = new HashSet<int>();
        for (int round = 0; round < MostRounds; round++)
        {
            int before = stopped.Count;
            foreach (int process in Of(roots))
                if (stopped.Add(process)) SysProcesses.Kill(process, SIGSTOP);
            if (stopped.Count == before) break;
        }

        foreach (int process in stopped) SysProcesses.Kill(process, SIGKILL);
    }

    /// <summary>The children of a process.</summary>
    public static IEnumerable<int> ChildrenOf(int process) =>
        Parents().Where(p => p.Parent == process).Select(p => p.Process);

    private static IEnumerable<int> Of(IReadOnlyList<int> roots)
    {
        ILookup<int, int> children = Parents().ToLookup(p => p.Parent, p => p.Process);
        var found = new Queue<int>(roots);
        while (found.TryDequeue(out int process))
        {
            yield return process;
            foreach (int child in children[process]) found.Enqueue(child);
        }
    }

    private static IEnumerable<(int Process, int Parent)> Parents()
    {
        foreach (string directory in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture,
                out int process)) continue;
            string stat;
            try { stat = File.ReadAllText(directory + "/stat"); }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException) { continue; }
            // pid (name) state ppid: the name may have blanks and parentheses.
            string[] fields = stat[(stat.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length > 1 && int.TryParse(fields[1], NumberStyles.None, CultureInfo.InvariantCulture,
                out int parent)) yield return (process, parent);
        }
    }
}
