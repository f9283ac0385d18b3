using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;

namespace Ioasis.Analyzers;

/// <summary>
/// Finds local variables that own an object of the host and are never disposed of, nor given to somebody else.
/// </summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class NotDisposedAnalyzer : DiagnosticAnalyzer
{
    /// <inheritdoc/>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } = [Rules.NotDisposed];

    /// <inheritdoc/>
    public override void Initialize(AnalysisContext context)
    {
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.EnableConcurrentExecution();
        context.RegisterOperationBlockAction(Analyze);
    }

    private static void Analyze(OperationBlockAnalysisContext context)
    {
        IEnumerable<IOperation> all = context.OperationBlocks.SelectMany(block => block.DescendantsAndSelf());
        ILookup<ISymbol, ILocalReferenceOperation> uses = all.OfType<ILocalReferenceOperation>()
            .ToLookup(use => (ISymbol)use.Local, SymbolEqualityComparer.Default);
        foreach (IVariableDeclaratorOperation variable in all.OfType<IVariableDeclaratorOperation>())
        {
            if (!Rules.Is(variable.Symbol.Type, Rules.Owned) || IsUsing(variable)) continue;
            if (variable.GetVariableInitializer()?.Value is not { } value || !MakesOne(value)) continue;
            if (uses[variable.Symbol].Any(IsGivenAway)) continue;
            context.ReportDiagnostic(Diagnostic.Create(Rules.NotDisposed, variable.Syntax.GetLocation(),
                variable.Symbol.Name, variable.Symbol.Type.Name));
        }
    }

    private static bool IsUsing(IOperation variable)
    {
        for (IOperation? at = variable.Parent; at is not null and not IBlockOperation; at = at.Parent)
            if (at is IUsingDeclarationOperation or IUsingOperation) return true;
        return false;
    }

    /// <summary>Whether an expression makes an object that the caller then owns.</summary>
    private static bool MakesOne(IOperation value) => value switch
    {
        IConversionOperation conversion => MakesOne(conversion.Operand),
        IAwaitOperation awaited => MakesOne(awaited.Operation),
        IObjectCreationOperation => true,
        IInvocationOperation call => call.TargetMethod.Name is "Open" or "Build" or "Create" or "InProcess"
            or "OfSystem" or "Borrow" or "Map"
            || call.TargetMethod.Name.StartsWith("Allocate", System.StringComparison.Ordinal)
            || call.TargetMethod.Name.StartsWith("Create", System.StringComparison.Ordinal),
        _ => false,
    };

    /// <summary>Whether a use disposes of the object, or lets another owner have it.</summary>
    private static bool IsGivenAway(ILocalReferenceOperation use)
    {
        IOperation? parent = use.Parent;
        while (parent is IConversionOperation) parent = parent.Parent;
        return parent switch
        {
            IInvocationOperation call when call.Instance?.DescendantsAndSelf().Contains(use) == true =>
                call.TargetMethod.Name is "Dispose" or "DisposeAsync" or "Destroy" or "Unmap",
            IArgumentOperation argument => !IsBorrowing(argument),
            IReturnOperation or IUsingOperation or IUsingDeclarationOperation or ICollectionExpressionOperation
                or ITupleOperation or IArrayInitializerOperation => true,
            IAssignmentOperation assignment => assignment.Value.DescendantsAndSelf().Contains(use),
            IVariableInitializerOperation or IConditionalAccessOperation => true,
            _ => false,
        };
    }

    /// <summary>Whether a call only uses its argument: calls of the client's own objects do.</summary>
    private static bool IsBorrowing(IArgumentOperation argument) =>
        argument.Parent is IInvocationOperation call
        && call.TargetMethod.ContainingNamespace?.ToDisplayString() == "Ioasis.Client";
}
