namespace Ioasis.Machine.Description;

/// <summary>
/// A description of a machine is wrong. The message is one sentence: where, what, and what would be right.
/// </summary>
public sealed class MachineDescriptionException : Exception
{
    /// <summary>Makes one.</summary>
    public MachineDescriptionException(string message) : base(message)
    {
    }

    /// <summary>Makes one that another exception led to.</summary>
    public MachineDescriptionException(string message, Exception inner) : base(message, inner)
    {
    }
}
