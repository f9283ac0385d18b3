namespace Ioasis.Replay.Fuzz;

/// <summary>Something does not hold after a call. Ends the sequence; it never leaves the fuzzer.</summary>
/// <param name="oracle">What does not hold, as in <see cref="FuzzFailure.Oracle"/>.</param>
/// <param name="what">How that shows.</param>
internal sealed class OracleException(string oracle, string what) : Exception(what)
{
    internal string Oracle => oracle;
}
