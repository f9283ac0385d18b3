using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Diagnostics;

namespace Ioasis.Tests.Analyzers;

/// <summary>C# that is compiled against the product as a user's is.</summary>
internal static class CompiledText
{
    private static readonly ImmutableArray<MetadataReference> s_references =
        [.. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(':')
            .Select(file => MetadataReference.CreateFromFile(file))];

    /// <summary>The lines at which the compiler finds errors.</summary>
    internal static IEnumerable<string> ErrorLines(string code) => Compile(code).GetDiagnostics()
        .Where(d => d.Severity == DiagnosticSeverity.Error).Select(d => Line(d).Split(':')[0]).Distinct();

    /// <summary>What an analyzer finds, as "line: ID". The code has no errors.</summary>
    internal static async Task<IEnumerable<string>> FindingsAsync<T>(string code) where T : DiagnosticAnalyzer, new()
    {
        CSharpCompilation compilation = Compile(code);
        Assert.Equal([], compilation.GetDiagnostics().Where(d => d.Severity == DiagnosticSeverity.Error)
            .Select(d => d.ToString()));
        ImmutableArray<Diagnostic> found = await compilation.WithAnalyzers([new T()])
            .GetAnalyzerDiagnosticsAsync(TestContext.Current.CancellationToken);
        return found.OrderBy(d => d.Location.SourceSpan.Start).Select(Line);
    }

    private static string Line(Diagnostic found) =>
        $"{found.Location.GetLineSpan().StartLinePosition.Line + 1}: {found.Id}";

    private static CSharpCompilation Compile(string code) => CSharpCompilation.Create("user",
        [CSharpSyntaxTree.ParseText(code, CSharpParseOptions.Default.WithLanguageVersion(LanguageVersion.Latest))],
        s_references,
        new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, nullableContextOptions:
            NullableContextOptions.Enable));
}
