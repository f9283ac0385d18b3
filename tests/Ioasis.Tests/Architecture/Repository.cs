using System.Xml.Linq;

namespace Ioasis.Tests.Architecture;

/// <summary>The project's files, found from where the tests run.</summary>
internal static class Repository
{
    internal static string Root { get; } = FindRoot();

    /// <summary>The source files of a room, or of all.</summary>
    internal static IEnumerable<string> Sources(string room = "") =>
        Directory.EnumerateFiles(Path.Combine(Root, "src", room), "*.cs", SearchOption.AllDirectories);

    internal static IEnumerable<string> Rooms =>
        Directory.EnumerateDirectories(Path.Combine(Root, "src")).Select(d => Path.GetFileName(d)!).Order();

    /// <summary>Those that are no program: a program is a composition root, whose assembly nobody loads.</summary>
    internal static IEnumerable<string> Libraries => Rooms.Except(["Ioasis.Cli", "Ioasis.Web"]);

    internal static XDocument Project(string room) => XDocument.Load(Path.Combine(Root, "src", room, room + ".csproj"));

    internal static string Relative(string path) => Path.GetRelativePath(Root, path);

    private static string FindRoot()
    {
        for (string? at = AppContext.BaseDirectory; at is not null; at = Path.GetDirectoryName(at))
            if (File.Exists(Path.Combine(at, "Ioasis.slnx"))) return at;
        throw new InvalidOperationException("The tests do not run within the project's folder.");
    }
}
