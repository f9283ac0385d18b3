using Ioasis.Machine;
using Ioasis.Machine.Description;

namespace Ioasis.Web.Lessons;

/// <summary>
/// Calls that a program makes one after the other on a machine of its own, with what each is for. They are made by the
/// client that .NET programs use.
/// </summary>
internal abstract class Lesson : IDisposable
{
    /// <summary>
    /// CAP_IPC_LOCK. The programs of all lessons are this process, whose limit of locked memory they would share.
    /// </summary>
    private protected const int LocksMemory = 14;

    /// <summary>The machine; whoever begins the lesson sets it before the first step, and disposes of it.</summary>
    internal SoftwareMachine Machine { get; set; } = null!;

    /// <summary>Its name in URLs.</summary>
    internal abstract string Name { get; }

    internal abstract string Title { get; }

    /// <summary>What one sees in it, in a sentence.</summary>
    internal abstract string About { get; }

    internal virtual MachineDescription Description => MachineDescription.Default;

    internal abstract IReadOnlyList<LessonStep> Steps { get; }

    /// <summary>The numbers of its picture, as far as the steps have them: an object of JSON.</summary>
    internal abstract object Picture { get; }

    /// <inheritdoc/>
    public abstract void Dispose();

    /// <summary>Ends the step with a sentence if something is not as it must be.</summary>
    /// <exception cref="LessonException">It is not.</exception>
    private protected static void Must(bool holds, string what)
    {
        if (!holds) throw new LessonException($"It was to be that {what}, and it is not.");
    }
}

/// <summary>One step of a lesson.</summary>
/// <param name="Title">What it does.</param>
/// <param name="C">Its calls in C.</param>
/// <param name="CSharp">The same with the client of .NET.</param>
/// <param name="Do">Makes the calls.</param>
/// <param name="Says">What came of them, in a few sentences with the numbers.</param>
internal sealed record LessonStep(string Title, string C, string CSharp, Action Do, Func<string> Says)
{
    /// <summary>The address whose translation it is about; null for none.</summary>
    internal Func<LessonWalk>? Walk { get; init; }
}

/// <summary>An access of a device. The address is text, for readers whose numbers are not exact.</summary>
internal sealed record LessonWalk(string Device, uint? Pasid, string Address, bool Write);

/// <summary>A step did not do what it must, or cannot be made now.</summary>
internal sealed class LessonException(string message) : Exception(message);
