namespace Ioasis.Diagnostics.Check;

/// <summary>Knows where in the program calls were made.</summary>
internal interface ICallStacks
{
    /// <summary>The stack of a call, a line for each frame, the innermost first; null if there is none.</summary>
    /// <param name="call">The call's number (<see cref="Core.Observation.NodeCall.Number"/>).</param>
    string? Of(long call);
}
