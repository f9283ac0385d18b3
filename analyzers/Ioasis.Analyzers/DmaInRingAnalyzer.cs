using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;

namespace Ioasis.Analyzers;

/// <summary>
/// Finds DMA in the methods that the host calls: Ring, Read, Submit, Reset. It follows no calls to other methods of the
/// model.
/// </summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class DmaInRingAnalyzer : DiagnosticAnalyzer
{
    private static readonly string[] s_calls = ["Ring", "Read", "Submit", "Reset"];

    /// <inheritdoc/>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } = [Rules.DmaInRing];

    /// <inheritdoc/>
    public override void Initialize(AnalysisContext context)
    {
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.EnableConcurrentExecution();
        context.RegisterOperationAction(Analyze, OperationKind.Invocation);
    }

    private static void Analyze(OperationAnalysisContext context)
    {
        var call = (IInvocationOperation)context.Operation;
        if (context.ContainingSymbol is not IMethodSymbol { IsOverride: true } method) return;
        if (System.Array.IndexOf(s_calls, method.Name) < 0 || !Rules.Is(method.ContainingType, Rules.Model)) return;
        if (!Rules.Is(call.TargetMethod.ContainingType, Rules.Port)) return;
        if (!call.TargetMethod.Name.StartsWith("Read", System.StringComparison.Ordinal)
            && !call.TargetMethod.Name.StartsWith("Write", System.StringComparison.Ordinal)) return;
        // A lambda that is handed to an engine runs elsewhere.
        for (IOperation? at = call.Parent; at is not null; at = at.Parent)
            if (at is IAnonymousFunctionOperation) return;
        context.ReportDiagnostic(Diagnostic.Create(
            Rules.DmaInRing, call.Syntax.GetLocation(), call.TargetMethod.Name, method.Name));
    }
}
