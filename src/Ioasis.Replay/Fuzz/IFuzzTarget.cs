using Ioasis.Replay.Calls;

namespace Ioasis.Replay.Fuzz;

/// <summary>What sequences are played on, for the oracles.</summary>
internal interface IFuzzTarget : IDisposable
{
    /// <summary>All that there is before the first call; null before that.</summary>
    string? Fresh { get; }

    /// <summary>Makes one call.</summary>
    /// <returns>0 or the errno, and what else it answered.</returns>
    string Play(Call call);

    /// <summary>
    /// All that programs have made and can see, as text. Two texts are equal if a call that failed changed nothing.
    /// </summary>
    string State();

    /// <summary>All that there is, as text.</summary>
    string All();

    /// <summary>Closes everything.</summary>
    void Close();
}
