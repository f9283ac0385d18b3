namespace Ioasis.Testing;

/// <summary>The program under test made mistakes with DMA.</summary>
public sealed class FindingsException : Exception
{
    /// <summary>Makes the exception.</summary>
    /// <param name="findings">The reports, as <c>ioasis run --check</c> writes them.</param>
    public FindingsException(string findings)
        : base("The program under test made mistakes with DMA." + Environment.NewLine + findings) =>
        Findings = findings;

    /// <summary>The reports, as <c>ioasis run --check</c> writes them.</summary>
    public string Findings { get; }
}
