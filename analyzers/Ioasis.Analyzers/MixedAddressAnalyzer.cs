using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;

namespace Ioasis.Analyzers;

/// <summary>Finds addresses that are made from an address of another kind: new Iova(memory.Address.Value).</summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class MixedAddressAnalyzer : DiagnosticAnalyzer
{
    /// <inheritdoc/>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } = [Rules.MixedAddresses];

    /// <inheritdoc/>
    public override void Initialize(AnalysisContext context)
    {
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.EnableConcurrentExecution();
        context.RegisterOperationAction(Analyze, OperationKind.ObjectCreation);
    }

    private static void Analyze(OperationAnalysisContext context)
    {
        var made = (IObjectCreationOperation)context.Operation;
        if (made.Arguments.Length != 1 || !Rules.Is(made.Type, Rules.Addresses)) return;
        if (Source(made.Arguments[0].Value) is not { } source) return;
        if (SymbolEqualityComparer.Default.Equals(source, made.Type)) return;
        context.ReportDiagnostic(Diagnostic.Create(
            Rules.MixedAddresses, made.Syntax.GetLocation(), made.Type!.Name, source.Name));
    }

    /// <summary>The kind of address whose value an expression is, with or without an offset; null for none.</summary>
    private static ITypeSymbol? Source(IOperation value) => value switch
    {
        IConversionOperation conversion => Source(conversion.Operand),
        IParenthesizedOperation inner => Source(inner.Operand),
        IBinaryOperation sum => Source(sum.LeftOperand) ?? Source(sum.RightOperand),
        IPropertyReferenceOperation { Property.Name: "Value", Instance.Type: { } type }
            when Rules.Is(type, Rules.Addresses) => type,
        _ => null,
    };
}
