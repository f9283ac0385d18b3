using System.Text.RegularExpressions;

namespace Ioasis.Tests.Architecture;

/// <summary>Where unsafe code and P/Invokes may stand.</summary>
public sealed partial class UnsafeTests
{
    private static readonly string[] s_unsafeRooms = ["Ioasis.Linux", "Ioasis.Memory"];

    [Fact]
    public void UnsafeCodeStandsInItsFilesOnly()
    {
        foreach (string file in Repository.Sources())
        {
            bool mayBe = file.EndsWith(".Unsafe.cs", StringComparison.Ordinal)
                && s_unsafeRooms.Contains(Repository.Relative(file).Split('/')[1]);
            string code = Comments().Replace(File.ReadAllText(file), "");
            Assert.True(mayBe || !Unsafe().IsMatch(code), $"{Repository.Relative(file)} has unsafe code");
        }
    }

    [Fact]
    public void EveryUnsafeFileSaysWhyItIsSafe()
    {
        foreach (string file in Repository.Sources().Where(f => f.EndsWith(".Unsafe.cs", StringComparison.Ordinal)))
            Assert.True(File.ReadAllText(file).Contains("// SAFETY:", StringComparison.Ordinal),
                $"{Repository.Relative(file)} has no // SAFETY: line");
    }

    [Fact]
    public void OnlyItsRoomsAreCompiledWithUnsafeBlocks()
    {
        IEnumerable<string> rooms =
            Repository.Rooms.Where(r => Repository.Project(r).Descendants("AllowUnsafeBlocks").Any(e => (bool)e));
        Assert.Equal(s_unsafeRooms, rooms);
    }

    [Fact]
    public void SystemCallsAreMadeInOneRoom()
    {
        foreach (string file in Repository.Sources()
            .Where(f => !f.Contains("/Ioasis.Linux/", StringComparison.Ordinal)))
            Assert.False(PInvoke().IsMatch(File.ReadAllText(file)), $"{Repository.Relative(file)} has a P/Invoke");
    }

    [GeneratedRegex(@"//.*$|/\*.*?\*/", RegexOptions.Multiline)]
    private static partial Regex Comments();

    // Unsafe.SizeOf reads a type and touches no memory.
    [GeneratedRegex(@"\bunsafe\b|\bfixed\s*\(|\bUnsafe\.(?!SizeOf\b|cs\b)[A-Z]\w*")]
    private static partial Regex Unsafe();

    [GeneratedRegex(@"\[(LibraryImport|DllImport)\b")]
    private static partial Regex PInvoke();
}
