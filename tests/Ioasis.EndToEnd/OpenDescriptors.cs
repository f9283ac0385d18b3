namespace Ioasis.EndToEnd;

/// <summary>What a supervisor has open.</summary>
internal static class OpenDescriptors
{
    /// <summary>
    /// A process's descriptors, each with what it leads to. Assemblies are left out: the runtime keeps each open that
    /// it has loaded, which it does when code of it first runs.
    /// </summary>
    internal static string[] Of(int process) =>
        [.. Directory.EnumerateFileSystemEntries($"/proc/{process}/fd")
            .Select(link => $"{Path.GetFileName(link)} {Target(link)}")
            .Where(descriptor => !descriptor.EndsWith(".dll", StringComparison.Ordinal))];

    private static string Target(string link)
    {
        try
        {
            return new FileInfo(link).LinkTarget ?? "";
        }
        catch (IOException)
        {
            return "closed meanwhile";
        }
    }
}
