import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Whole systems take longest: begun first, they leave nothing to wait for at the end. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const isSystem = ({ moduleId }: TestSpecification): boolean =>
      /\/(sandbox|systems)\//.test(moduleId)
    return [...sorted.filter(isSystem), ...sorted.filter((file) => !isSystem(file))]
  }
}
